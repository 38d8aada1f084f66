import { results } from './results.mjs';

/**
 * For servers of requests: the body holds golden files, whose lengths a header says, another header the number of
 * cycles; the response holds the results.
 */
export async function answer(request) {
  const bytes = new Uint8Array(await request.arrayBuffer());
  let at = 0;
  const files = request.headers
    .get('x-lengths')
    .split(',')
    .map((length) => {
      at += Number(length);
      return bytes.slice(at - Number(length), at);
    });
  return Response.json(await results(files, Number(request.headers.get('x-cycles'))));
}
