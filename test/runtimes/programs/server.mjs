// For Node, Deno and Bun: node server.mjs GOLDEN…, prints the results.
import { readFile } from 'node:fs/promises';
import { suite } from './suite.mjs';

const files = await Promise.all(process.argv.slice(2).map((path) => readFile(path)));
console.log(JSON.stringify(await suite(files)));
