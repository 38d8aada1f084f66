import { LIMITS } from './limits.ts';
import { Problem } from './problem.ts';

/** A request's body. @throws Problem 413 where it is too long, 408 where it comes too slowly, 400 where it ends early. */
export async function readBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  const length = Number(request.headers.get('content-length') ?? 0);
  if (length > LIMITS.body) throw tooLong();
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const problem = new Problem(408, 'Request Timeout', `the body did not come within ${LIMITS.bodyTime / 1000} s`);
    timer = setTimeout(() => reject(problem), LIMITS.bodyTime);
  });
  try {
    return joined(await Promise.race([chunksOf(reader), late]));
  } catch (error) {
    // Nobody reads the rest.
    reader.cancel(error).catch(() => {});
    if (error instanceof Problem) throw error;
    throw new Problem(400, 'Bad Request', 'the body ended early');
  } finally {
    clearTimeout(timer);
  }
}

async function chunksOf(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return chunks;
    total += value.length;
    if (total > LIMITS.body) throw tooLong();
    chunks.push(value);
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function tooLong(): Problem {
  return new Problem(413, 'Content Too Large', `a body of at most ${LIMITS.body} bytes is taken`);
}
