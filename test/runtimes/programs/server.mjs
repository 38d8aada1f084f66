// For Node, Deno and Bun: node server.mjs CYCLES GOLDEN…, prints the results.
import { readFile } from 'node:fs/promises';
import { results } from './results.mjs';

const [cycles, ...paths] = process.argv.slice(2);
const files = await Promise.all(paths.map((path) => readFile(path)));
console.log(JSON.stringify(await results(files, Number(cycles))));
