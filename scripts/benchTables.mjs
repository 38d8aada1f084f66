// npm run bench:tables: every table of bench/results in about five minutes of a quiet machine, and the README's figures
// after them. Options go to the benchmarks: -- --rounds 9 --seconds 0.25 for their usual length.
import { execFileSync } from 'node:child_process';

const BENCHMARKS = [
  'windowAttention',
  'windowAttentionBackward',
  'shiftedWindowAttention',
  'linear',
  'swin',
  'swinLayers',
  'threads',
  'roofline',
];
const given = process.argv.slice(2);
const options = given.length > 0 ? given : ['--rounds', '3', '--seconds', '0.1'];

const start = performance.now();
for (const name of BENCHMARKS) {
  console.log(`\n${name}, ${((performance.now() - start) / 1000).toFixed(0)} s after the start`);
  execFileSync(process.execPath, [`bench/build/${name}.js`, ...options], { stdio: 'inherit' });
}
execFileSync(process.execPath, ['scripts/figures.mjs', '--write'], { stdio: 'inherit' });
console.log(`\n${((performance.now() - start) / 1000).toFixed(0)} s in all`);
