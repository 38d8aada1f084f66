// Writes build/checked/*.wasm: the kernels of build/wasm/*.wat with every load and store behind a call of the import
// `env.check(pointer, offset, bytes, access)`, which returns the pointer or throws. Access: 0 loads, 1 stores, 2 stores in
// a function that may write what else is input.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import binaryen from 'binaryen';

/** Widen inputs in their place, and pack weights. */
const WRITERS = /\/(widenHalf|narrowHalf|packLinear\w*)$/;
const ACCESS = /^\s*(i32|i64|f32|f64|v128)\.(load|store)(\d+)?(x\d+)?(_\w+)?( .*)?$/;
const BULK = /^\s*memory\.(fill|copy|init)\b/;
const BYTES = /** @type {Record<string, number>} */ ({ i32: 4, f32: 4, i64: 8, f64: 8, v128: 16 });

/** @param {string} wat Instructions one a line, operands first, as Binaryen prints what it optimised. */
export function checkAccesses(wat) {
  const lines = [];
  let access = 1;
  let isFirst = true;
  for (const line of wat.split('\n')) {
    if (line.startsWith(' (import ') && isFirst) {
      isFirst = false;
      lines.push(' (import "env" "check" (func $check (param i32 i32 i32 i32) (result i32)))');
    }
    const name = /^ \(func \$(\S+)/.exec(line)?.[1];
    if (name) access = WRITERS.test(name) ? 2 : 1;
    const match = ACCESS.exec(line);
    if (match) {
      const [, type = '', kind, width, by, , rest = ''] = match;
      const bytes = width ? (Number(width) / 8) * Number(by?.slice(1) ?? 1) : BYTES[type];
      const offset = /offset=(\d+)/.exec(rest)?.[1] ?? 0;
      const isLane = line.includes('_lane');
      const call = `i32.const ${offset}\ni32.const ${bytes}\ni32.const ${kind === 'store' ? access : 0}\ncall $check`;
      // A store's value, and the vector of a lane's, lie above the pointer.
      if (kind === 'store' || isLane) lines.push(`local.set $check-${type}`, call, `local.get $check-${type}`);
      else lines.push(call);
    }
    if (!match && /\.(load|store|atomic)/.test(line)) throw new Error(`expected no${line}, which has no check yet`);
    const bulk = BULK.exec(line)?.[1];
    if (bulk) {
      if (bulk !== 'fill') throw new Error(`expected no memory.${bulk}, which has no check yet`);
      lines.push('local.set $check-length\nlocal.set $check-i32\ni32.const 0\nlocal.get $check-length');
      lines.push(`i32.const ${access}\ncall $check\nlocal.get $check-i32\nlocal.get $check-length`);
    }
    lines.push(line);
    if (name) {
      for (const type in BYTES) lines.push(`(local $check-${type} ${type})`);
      lines.push('(local $check-length i32)');
    }
  }
  return lines.join('\n');
}

mkdirSync('build/checked', { recursive: true });
for (const name of ['simd', 'model-simd']) {
  const module = binaryen.parseText(checkAccesses(readFileSync(`build/wasm/${name}.wat`, 'utf8')));
  module.setFeatures(binaryen.Features.All);
  if (!module.validate()) throw new Error(`${name}.wat with checks is not valid`);
  writeFileSync(`build/checked/${name}.wasm`, module.emitBinary());
  module.dispose();
}
