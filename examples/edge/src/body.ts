import { LIMITS } from './limits.ts';
import { Problem } from './problem.ts';

/** Bytes that are set aside for a body before any come, whatever length it claims. */
const FIRST_BYTES = 2 ** 18;
const READ_AT_ONCE = 2 ** 16;

/** A request's body. @throws Problem 413 where it is too long, 408 where it comes too slowly, 400 where it ends early. */
export async function readBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  const length = Number(request.headers.get('content-length') ?? 0);
  if (length > LIMITS.body) throw tooLong();
  if (!request.body) return new Uint8Array();
  const reader = readerOf(request.body);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const problem = new Problem(408, 'Request Timeout', `the body did not come within ${LIMITS.bodyTime / 1000} s`);
    timer = setTimeout(() => reject(problem), LIMITS.bodyTime);
  });
  try {
    return await Promise.race([wholeOf(reader, length), late]);
  } catch (error) {
    // Nobody reads the rest.
    reader.cancel(error).catch(() => {});
    if (error instanceof Problem) throw error;
    throw new Problem(400, 'Bad Request', 'the body ended early');
  } finally {
    clearTimeout(timer);
  }
}

interface BodyReader {
  /** The next bytes, which are the reader's own again when it is asked for more; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  cancel(reason: unknown): Promise<void>;
}

/** Reads into one buffer where the host does that: workerd's own parts of 4 KiB stay until it collects garbage. */
function readerOf(stream: ReadableStream<Uint8Array>): BodyReader {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = stream.getReader({ mode: 'byob' });
  } catch {
    const parts = stream.getReader();
    return { read: async () => (await parts.read()).value, cancel: (reason) => parts.cancel(reason) };
  }
  let buffer = new ArrayBuffer(READ_AT_ONCE);
  return {
    async read() {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) return undefined;
      buffer = value.buffer;
      return value;
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

/** `length`: what the body claims, 0 where it claims nothing. */
async function wholeOf(reader: BodyReader, length: number): Promise<Uint8Array<ArrayBuffer>> {
  let whole = new Uint8Array(Math.min(length || READ_AT_ONCE, FIRST_BYTES));
  for (let total = 0; ; ) {
    const part = await reader.read();
    if (!part) return whole.subarray(0, total);
    const end = total + part.length;
    if (end > LIMITS.body) throw tooLong();
    if (end > whole.length) {
      const longer = new Uint8Array(Math.max(end, Math.min(2 * whole.length, length || LIMITS.body)));
      longer.set(whole.subarray(0, total));
      whole = longer;
    }
    whole.set(part, total);
    total = end;
  }
}

function tooLong(): Problem {
  return new Problem(413, 'Content Too Large', `a body of at most ${LIMITS.body} bytes is taken`);
}
