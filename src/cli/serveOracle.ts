import { once } from 'node:events';
import { answerOracleCall } from './oracleService.js';

// A frame is its length as a little-endian uint64, then that many bytes.
const LENGTH_BYTES = 8;

/** Reads calls from stdin and writes their answers to stdout, one frame each, until stdin ends. */
async function serve(): Promise<void> {
  let chunks: Buffer[] = [];
  let received = 0;
  let awaited = LENGTH_BYTES;
  let isLength = true;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    received += chunk.length;
    while (received >= awaited) {
      // Joined once a frame, since joining at every chunk takes quadratic time.
      const joined = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, received);
      const frame = joined.subarray(0, awaited);
      chunks = [joined.subarray(awaited)];
      received -= awaited;
      if (isLength) awaited = Number(frame.readBigUInt64LE());
      else {
        await send(answerOracleCall(frame));
        awaited = LENGTH_BYTES;
      }
      isLength = !isLength;
    }
  }
}

async function send(answer: Uint8Array): Promise<void> {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(answer.length));
  process.stdout.write(length);
  if (!process.stdout.write(answer)) await once(process.stdout, 'drain');
}

// A caller that has gone needs no answer.
process.stdout.on('error', () => process.exit());
await serve();
