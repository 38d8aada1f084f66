import { readFileSync } from 'node:fs';

/** What programs/request.mjs answers: golden files and the number of cycles. */
export function requestOf(golden, cycles) {
  const files = golden.map((path) => readFileSync(path));
  return {
    method: 'POST',
    headers: { 'x-lengths': files.map(({ length }) => length).join(','), 'x-cycles': String(cycles) },
    body: Buffer.concat(files),
  };
}
