// Judges the golden files by the built library, and prints each call with its verdicts as a line of JSON:
// test_golden.py makes the same calls from Python.
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { checkCase, IMAGE_OUTPUT_NAMES, OUTPUT_NAMES } from '../../build/oracle/index.js';
import { readSafetensors } from '../../build/safetensors/index.js';

const INPUTS = ['q', 'k', 'v', 'bias', 'mask', 'logitScale', 'dO', 'qkv', 'relativePositionBias', 'paddingQkv'];
const PARAMETERS = ['scale', 'numHeads', 'windowSize', 'shiftSize', 'alwaysShift', 'rollBeforePadding'];
const DTYPES = { f32: 'tf32', bf16: 'bfloat16', f16: 'float16' };
const OUTPUTS = [...new Set([...OUTPUT_NAMES, ...IMAGE_OUTPUT_NAMES])];

for (const file of process.argv.slice(2)) {
  const path = existsSync(file) ? file : `${file}.gz`;
  const bytes = readFileSync(path);
  const { tensors, metadata } = readSafetensors(path.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  for (const { name, ...parameters } of JSON.parse(metadata.cases ?? '[{"name": "tf32"}, {"name": "bfloat16"}]')) {
    const at = (tensor) => `${name}.${tensor}`;
    const own = { ...metadata, ...parameters };
    const named = Object.fromEntries(INPUTS.filter((key) => tensors[at(key)]).map((key) => [key, at(key)]));
    const given = PARAMETERS.filter((key) => own[key] !== undefined && !(key === 'scale' && named.logitScale));
    const params = Object.fromEntries(given.map((key) => [key, key === 'scale' ? Number(own[key]) : own[key]]));
    const dtype = DTYPES[own.dtype] ?? (metadata.cases ? 'float32' : name);
    for (const outputs of outputsOf(Object.keys(tensors), name)) {
      const pick = (names) => Object.fromEntries(Object.entries(names).map(([key, full]) => [key, tensors[full]]));
      const { pass, tensors: verdicts } = checkCase({ ...pick(named), ...params }, pick(outputs), { dtype });
      const call = { path, inputs: named, params, outputs, dtype };
      console.log(JSON.stringify({ ...call, pass, verdicts }, textOfNonFinite));
    }
  }
}

/**
 * @param {string} _key
 * @param {unknown} value
 */
function textOfNonFinite(_key, value) {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/**
 * Outputs that belong together, as `o`, `o_fault`, `o.fault` and `g.fault.dQ` name them.
 * @param {string[]} names
 * @param {string} name
 */
function outputsOf(names, name) {
  /** @type {Map<string, Record<string, string>>} */
  const groups = new Map();
  for (const full of names.filter((each) => each.startsWith(`${name}.`))) {
    const rest = full.slice(name.length + 1);
    const [, mutant, gradient] = /^g\.(.+)\.(.+)$/.exec(rest) ?? [];
    const [, plain, fault] = /^([^._]+)(?:[._](.+))?$/.exec(rest) ?? [];
    const output = gradient ?? plain ?? '';
    if (!OUTPUTS.some((known) => known === output)) continue;
    const group = mutant ?? fault ?? '';
    groups.set(group, { ...groups.get(group), [output]: full });
  }
  return groups.values();
}
