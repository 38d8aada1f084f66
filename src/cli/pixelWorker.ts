// The program of a thread that reads image files: `path` in, pixel values or the text of an error out.
import { parentPort, workerData } from 'node:worker_threads';
import { pixelReader } from './pixelReader.js';

const read = pixelReader(workerData);
parentPort?.on('message', async (path: string) => {
  try {
    const pixels = await read(path);
    parentPort?.postMessage({ pixels }, [pixels.data.buffer as ArrayBuffer]);
  } catch (error) {
    parentPort?.postMessage({ error: (error as Error).message });
  }
});
