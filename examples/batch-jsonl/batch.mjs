// npm start --silent -- FOLDER > labels.jsonl: a line for each image of a folder and of those inside it, in their order.
// Reads no more images ahead than workers can take, so that memory does not grow with the folder.
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createSwinPool } from 'flash-window-attention/pool';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: npm start -- FOLDER');
const files = (await readdir(folder, { recursive: true })).filter((file) => /\.(png|jpe?g|webp)$/i.test(file)).sort();
const workers = availableParallelism();
const pool = await createSwinPool({ workers });

const ahead = [];
let next = 0;
for (let i = 0; i < files.length; i++) {
  while (next < files.length && ahead.length < 2 * workers) ahead.push(lineOf(files[next++]));
  process.stdout.write(`${JSON.stringify(await ahead.shift())}\n`);
}
await pool.dispose();

/** What is wrong with an image is in its own line; the others go on. */
async function lineOf(file) {
  try {
    const labels = await pool.classify(await readFile(join(folder, file)), { topK: 3, square: true });
    return { file, labels };
  } catch (error) {
    return { file, error: error.message };
  }
}
