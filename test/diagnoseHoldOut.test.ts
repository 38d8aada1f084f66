import { describe, expect, it } from 'vitest';
import { type CaseActuals, diagnose } from '../src/oracle/index.js';
import { float32Tensor } from '../src/tensor/tensor.js';
import {
  type Plan,
  type PlantedCase,
  type PlantedOutputs,
  plantedCase,
  plantedKernel,
  rightPlan,
  sum,
} from './support/plantedKernel.js';

type OutputName = keyof PlantedOutputs;
/** What a planted fault does, and the outputs that it makes wrong with words that their explanations have. */
interface Planted {
  readonly plan?: (right: Plan, of: PlantedCase) => Partial<Plan>;
  readonly store?: (x: PlantedOutputs, of: PlantedCase) => void;
  readonly wrong: Partial<Record<OutputName, RegExp>>;
}

const lseOf = (row: readonly number[]) => Math.log(sum(row.length, (j) => Math.exp(row[j] as number)));
/** Faults of a kernel that shares nothing with `diagnose`: plain loops. */
const PLANTED: Readonly<Record<string, Planted>> = {
  'q of the next image': {
    plan: (p, { B, nW }) => ({ q: (b, ...at) => p.q((b + nW) % B, ...at) }),
    wrong: { o: /q is read from the next image/ },
  },
  'k tile of 16 not advanced': {
    plan: (p) => ({ k: (b, h, j, d) => p.k(b, h, j % 16, d) }),
    wrong: { o: /k is read from the first 16 rows/ },
  },
  'v of the head before': {
    plan: (p, { H }) => ({ v: (b, h, ...at) => p.v(b, (h + H - 1) % H, ...at) }),
    wrong: { o: /v is read from the head before/ },
  },
  'mask by head': {
    plan: (p, { nW }) => ({ mask: (_, h, i, j) => p.mask(h % nW, h, i, j) }),
    wrong: { o: /a head adds the mask of the window of its number/ },
  },
  'bias with keys reversed': {
    plan: (p, { L }) => ({ bias: (b, h, i, j) => p.bias(b, h, i, L - 1 - j) }),
    wrong: { o: /bias is read .*reverse/ },
  },
  'bias head stride of one row': {
    plan: (_, { L, inputs }) => ({ bias: (_b, h, i, j) => inputs.bias.data[(h + i) * L + j] as number }),
    wrong: { o: /bias is read/ },
  },
  'root of the scale': {
    plan: (p) => ({ scale: Math.sqrt(p.scale) }),
    wrong: { o: /root of the scale/, lse: /root of the scale/ },
  },
  'keys beyond a band': {
    plan: (p) => ({ mask: (b, h, i, j) => (j > i + 8 ? Number.NEGATIVE_INFINITY : p.mask(b, h, i, j)) }),
    wrong: { o: /no key more than 8 behind/, lse: /no key more than 8 behind/ },
  },
  'rows reversed in heads above 0': {
    store: ({ o }, { B, H, L, D }) => {
      const right = o.slice();
      for (let b = 0; b < B; b++)
        for (let h = 1; h < H; h++)
          for (let i = 0; i < L; i++)
            for (let d = 0; d < D; d++)
              o[((b * H + h) * L + i) * D + d] = right[((b * H + h) * L + L - 1 - i) * D + d] as number;
    },
    wrong: { o: /other rows|reverse/ },
  },
  'second tile of 32 rows not stored': {
    store: ({ o }, { L, D }) => {
      for (let at = 0; at < o.length; at++) if (Math.floor(at / D) % L >= 32) o[at] = 0;
    },
    wrong: { o: /zeros/ },
  },
  'keys beyond the last are the last': {
    plan: (_, { L }) => ({
      softmax: (S) =>
        S.map((row) => {
          const padded = Math.ceil(L / 16) * 16 - L;
          const e = row.map((s, j) => Math.exp(s) * (j === L - 1 ? 1 + padded : 1));
          return e.map((x) => x / sum(L, (j) => e[j] as number));
        }),
    }),
    wrong: { o: /last key and its value are counted 13 times/ },
  },
  'log2(e) twice': {
    plan: (p) => ({
      softmax: (S, b, h) =>
        p.softmax(
          S.map((row) => row.map((s) => s * Math.LOG2E)),
          b,
          h,
        ),
    }),
    wrong: { o: /log2/ },
  },
  'output over 0.9': {
    store: ({ o }) => {
      for (let at = 0; at < o.length; at++) o[at] = (o[at] as number) / 0.9;
    },
    wrong: { o: /multiplied by 1\.11/ },
  },
  'heads swapped in half of the windows': {
    store: ({ o }, { B, H, L, D }) => {
      const size = L * D;
      for (let b = B / 2; b < B; b++) {
        const first = o.slice(b * H * size, b * H * size + size);
        o.copyWithin(b * H * size, (b * H + 1) * size, (b * H + 2) * size);
        o.set(first, (b * H + 1) * size);
      }
    },
    wrong: { o: /other heads/ },
  },
  'v chunks reversed': {
    plan: (p, { D }) => ({ v: (b, h, j, d) => p.v(b, h, j, D - 8 - Math.floor(d / 8) * 8 + (d % 8)) }),
    wrong: { o: /chunks? of 8|columns|halves/ },
  },
  'diagonal key alone masked twice over': {
    plan: (p) => ({ bias: (b, h, i, j) => (i === j ? -p.bias(b, h, i, j) : p.bias(b, h, i, j)) }),
    wrong: { o: /bias is subtracted on the diagonal/, lse: /bias is subtracted on the diagonal/ },
  },
  'first tile of keys seen by all': {
    plan: (p) => ({ mask: (b, h, i, j) => (j < 16 ? 0 : p.mask(b, h, i, j)) }),
    wrong: { o: /mask/ },
  },
  'lse as [B, L, H]': {
    store: ({ lse }, { B, H, L }) => {
      const right = lse.slice();
      for (let b = 0; b < B; b++)
        for (let h = 0; h < H; h++)
          for (let i = 0; i < L; i++) lse[(b * L + i) * H + h] = right[(b * H + h) * L + i] as number;
    },
    wrong: { lse: /laid out/ },
  },
  'lse of head 0': {
    store: ({ lse }, { H, L }) => {
      lse.forEach((_, at) => {
        lse[at] = lse[Math.floor(at / (H * L)) * H * L + (at % L)] as number;
      });
    },
    wrong: { lse: /head 1 holds 0/ },
  },
  'dQ of the last tile of 32 keys': {
    plan: (p, { L }) => ({
      dQ: (i, d, dS, { b, h }) => p.scale * sum(L, (j) => (j >= 32 ? (dS[i]?.[j] as number) * p.k(b, h, j, d) : 0)),
    }),
    wrong: { dQ: /last 4 of tiles/ },
  },
  'dV of exponentials': {
    plan: (_, { L }) => ({
      dV: (j, d, P, { b, h, plan }) => sum(L, (i) => (P[i]?.[j] as number) * 2 * plan.dO(b, h, i, d)),
    }),
    wrong: { dV: /multiplied by 2/ },
  },
  'dBias transposed': {
    store: ({ dBias }, { H, L }) => {
      const right = dBias.slice();
      for (let h = 0; h < H; h++)
        for (let i = 0; i < L; i++)
          for (let j = 0; j < L; j++) dBias[(h * L + i) * L + j] = right[(h * L + j) * L + i] as number;
    },
    wrong: { dBias: /transposed|laid out/ },
  },
  'dBias averaged': {
    store: ({ dBias }, { B }) => {
      dBias.forEach((x, at) => {
        dBias[at] = x / B;
      });
    },
    wrong: { dBias: /number of windows/ },
  },
  'dBias summed over heads': {
    store: ({ dBias }, { H, L }) => {
      const right = dBias.slice();
      for (let h = 0; h < H; h++)
        for (let n = 0; n < L * L; n++) dBias[h * L * L + n] = sum(H, (g) => right[g * L * L + n] as number);
    },
    wrong: { dBias: /sum over heads/ },
  },
  'dK without P': {
    plan: (_, { L }) => ({
      dK: (j, d, dS, { b, h, plan }) => plan.scale * sum(L, (i) => (dS[j]?.[i] as number) * plan.q(b, h, i, d)),
    }),
    wrong: { dK: /dK is dS Q|dS is transposed/ },
  },
  'dQ by V': {
    plan: (p, { L }) => ({
      dQ: (i, d, dS, { b, h }) => p.scale * sum(L, (j) => (dS[i]?.[j] as number) * p.v(b, h, j, d)),
    }),
    wrong: { dQ: /dQ is dS V/ },
  },
  'mask missing in the recomputation': {
    plan: (p) => ({
      recomputed: (S, _, b, h) => S.map((row, i) => row.map((s, j) => Math.exp(s - p.mask(b, h, i, j) - lseOf(row)))),
    }),
    wrong: { dQ: /mask is not added/, dK: /mask is not added/, dV: /mask is not added/, dBias: /mask is not added/ },
  },
  'bias missing in the recomputation': {
    plan: (p) => ({
      recomputed: (S, _, b, h) => S.map((row, i) => row.map((s, j) => Math.exp(s - p.bias(b, h, i, j) - lseOf(row)))),
    }),
    wrong: { dQ: /bias is not added/, dK: /bias is not added/, dV: /bias is not added/, dBias: /bias is not added/ },
  },
  'lse times ln(2)': {
    plan: () => ({ recomputed: (S) => S.map((row) => row.map((s) => Math.exp(s - lseOf(row) * Math.LN2))) }),
    wrong: { dQ: /ln\(2\)/, dK: /ln\(2\)/, dV: /ln\(2\)/, dBias: /ln\(2\)/ },
  },
  'dO of the next window in dV': {
    plan: (p, { B, L }) => ({
      dV: (j, d, P, { b, h }) => sum(L, (i) => (P[i]?.[j] as number) * p.dO((b + 1) % B, h, i, d)),
    }),
    wrong: { dV: /dO is read from the next window/ },
  },
  'delta missing and scale twice in dQ': {
    plan: (p, { L }) => ({
      dS: (x, dP) => x * dP,
      dQ: (i, d, dS, { b, h }) => p.scale ** 2 * sum(L, (j) => (dS[i]?.[j] as number) * p.k(b, h, j, d)),
    }),
    wrong: { dQ: /delta.* not subtracted, and .*scale/, dK: /delta.* not subtracted/, dBias: /delta.* not subtracted/ },
  },
  'dQ and dK exchanged': {
    store: (x) => {
      [x.dQ, x.dK] = [x.dK, x.dQ];
    },
    wrong: { dQ: /dQ is dSᵀ Q/, dK: /dK is dS K/ },
  },
  'delta halved for odd rows': {
    plan: (p) => ({ delta: (i, ...rest) => p.delta(i, ...rest) / (i % 2 ? 2 : 1) }),
    wrong: { dQ: /delta/, dK: /delta.* is halved for odd queries/, dBias: /delta/ },
  },
  'dP by V of head 0': {
    plan: (p, { L, D }) => ({
      dS: p.dS,
      delta: (i, P, dP, b, h) => {
        const row = dP[i] as number[];
        const right = sum(L, (j) => (P[i]?.[j] as number) * (row[j] as number));
        for (let j = 0; j < L; j++) row[j] = sum(D, (d) => p.dO(b, h, i, d) * p.v(b, 0, j, d));
        return right;
      },
    }),
    wrong: { dQ: /v is read from head 0/, dK: /v is read from head 0/, dBias: /v is read from head 0/ },
  },
};

function outcome(name: string): string[] {
  const { plan, store, wrong } = PLANTED[name] as Planted;
  const problem = plantedCase(17, [8, 3, 36, 16], 4);
  const right = rightPlan(problem);
  const outputs = plantedKernel(problem, { ...right, ...plan?.(right, problem) });
  store?.(outputs, problem);
  const { H, L } = problem;
  const names = Object.keys(wrong) as OutputName[];
  const dims = { lse: problem.inputs.q.dims.slice(0, 3), dBias: [H, L, L] } as Partial<Record<OutputName, number[]>>;
  const actuals = Object.fromEntries(
    names.map((key) => [key, float32Tensor(dims[key] ?? problem.inputs.q.dims, Float32Array.from(outputs[key]))]),
  );
  const diagnoses = diagnose(problem.inputs, actuals as CaseActuals);
  return names.flatMap((key) => {
    const [first] = diagnoses[key] ?? [];
    const isFound = first !== undefined && first.residual < 0.02 && (wrong[key] as RegExp).test(first.explanation);
    return isFound ? [] : [`${key}: ${first?.name} ${first?.residual.toExponential(1)} ${first?.explanation}`];
  });
}

describe('diagnose', () => {
  it.each(Object.keys(PLANTED))('explains a fault of another kernel: %s', (name) => {
    expect(outcome(name)).toEqual([]);
  });
});
