import { FaultyAttention } from './faultyAttention.js';
import type { FaultyProblem } from './faultyProblem.js';
import { shiftMaskOf } from './imageFamilies/masks.js';
import {
  type Geometry,
  type ImageFault,
  type ImageProblem,
  type OtherGrid,
  OUTSIDE,
  PADDED,
  type Placed,
  ZEROS,
} from './imageFault.js';
import { type Layout, layoutOf } from './imageLayout.js';
import { range } from './spread.js';

const RIGHT: Geometry = {};
const OPERANDS: readonly Placed[] = ['q', 'k', 'v', 'dO'];
/** Numbers that may be kept at most. */
const MOST_KEPT = 4e6;

/** A kernel over images with any fault, in float64; only what some tokens of its output need. */
export class FaultyImage {
  readonly #layouts = new WeakMap<object, Layout>();
  readonly #stores = new WeakMap<object, Int32Array>();
  readonly #right = new Map<number, FaultyProblem>();
  readonly #rightChannels: Int32Array;
  readonly #rightMask: ((u: number) => Float64Array) | undefined;

  constructor(private readonly problem: ImageProblem) {
    this.#rightChannels = Int32Array.from({ length: 3 * problem.C }, (_, at) => at);
    this.#rightMask = shiftMaskOf(problem);
  }

  /** `[tokens, C]` of o, `[tokens, 3C]` of dQkv. NaN where it depends on unknown memory. */
  tokens(fault: ImageFault, output: 'o' | 'dQkv', tokens: readonly number[]): Float64Array {
    const { C, H, D, L } = this.problem;
    const parts = output === 'o' ? (['o'] as const) : (['dQ', 'dK', 'dV'] as const);
    const channels = (output === 'o' ? fault.outputChannels : fault.gradientChannels) ?? this.#rightChannels;
    const result = new Float64Array(tokens.length * parts.length * C);
    const units = new Map<number, FaultyProblem>();
    for (const [part, name] of parts.entries()) {
      const from = this.#storesOf(fault.places?.[name], fault.grid);
      const byUnit = new Map<number, [token: number, row: number][]>();
      for (const [n, token] of tokens.entries()) {
        const source = from[token] as number;
        if (source < 0) continue;
        const u = Math.floor(source / L);
        const list = byUnit.get(u) ?? [];
        list.push([n, source % L]);
        byUnit.set(u, list);
      }
      for (const [u, list] of byUnit) {
        const own = units.get(u) ?? this.#unit(fault, u, output === 'dQkv');
        units.set(u, own);
        const { storedRows } = fault;
        const rows = storedRows ? range(L) : list.map(([, row]) => row);
        const kernel = new FaultyAttention(own, rows);
        const results = range(H).map((h) => kernel.run(fault.window ?? {}, name, 0, h));
        for (let h = 0; h < H; h++) {
          for (const [at, [n, row]] of list.entries()) {
            const from = storedRows?.(h, row);
            const values = results[from === undefined ? h : Math.floor(from / L)] as Float64Array;
            const line = (from === undefined ? at : from % L) * D;
            for (let d = 0; d < D; d++) {
              const channel = channels[(part * H + h) * D + d] as number;
              result[n * parts.length * C + channel] = values[line + d] as number;
            }
          }
        }
      }
    }
    return result;
  }

  /** The sum over all windows: `[H, rows, L]` of dBias, `[H]` of dLogitScale. */
  sum(fault: ImageFault, output: 'dBias' | 'dLogitScale', rows: readonly number[]): Float64Array {
    const { B, H, L } = this.problem;
    const nW = fault.grid?.nW ?? this.problem.nW;
    const size = output === 'dBias' ? rows.length * L : 1;
    const result = new Float64Array(H * size);
    for (let u = 0; u < B * nW; u++) {
      const share = fault.share?.(u) ?? 1;
      if (share === 0) continue;
      const kernel = new FaultyAttention(this.#unit(fault, u, true), rows);
      for (let h = 0; h < H; h++) {
        const part = kernel.run(fault.window ?? {}, output, 0, h);
        for (let at = 0; at < size; at++)
          result[h * size + at] = (result[h * size + at] as number) + share * (part[at] as number);
      }
    }
    return result;
  }

  /** Window u of the batch as a problem of its own; its right operands are kept from one fault to the next. */
  #unit(fault: ImageFault, u: number, isBackward: boolean): FaultyProblem {
    const { places, channels, outputChannels, padding, grid, readRows } = fault;
    const isRight =
      !(channels || outputChannels || padding || grid || readRows) &&
      !OPERANDS.some((name) => places?.[name] !== undefined);
    const known = isRight ? this.#right.get(u) : undefined;
    const mask = fault.mask ? fault.mask(u) : this.#rightMask?.(u);
    if (known && (known.dO || !isBackward)) return { ...known, mask, nW: mask ? 1 : 0 };
    const own = this.#gathered(fault, u, isBackward, mask);
    if (isRight && (this.#right.size + 1) * own.q.length * 4 <= MOST_KEPT) this.#right.set(u, own);
    return own;
  }

  #gathered(fault: ImageFault, u: number, isBackward: boolean, mask: Float64Array | undefined): FaultyProblem {
    const { H, L, D, qkv, dO, bias, scale, logitScale, factors, C } = this.problem;
    const padding = fault.padding ?? this.problem.padding;
    const channels = fault.channels ?? this.#rightChannels;
    const gather = (
      name: Placed,
      data: Float64Array,
      width: number,
      pad: Float64Array,
      part: number,
      map: Int32Array,
    ) => {
      const layout = this.#layoutOf(fault.places?.[name], fault.grid);
      const X = new Float64Array(H * L * D);
      const { readRows } = name === 'dO' ? {} : fault;
      for (let l = 0; l < L; l++) {
        for (let h = 0; h < H; h++) {
          const row = readRows ? readRows(part, h, l) : l * 3 * H + part * H + h;
          const token = layout(u, Math.floor(row / (3 * H)));
          const first = (row % (3 * H)) * D;
          for (let d = 0; d < D; d++) {
            const channel = map[first + d] as number;
            const at = (h * L + l) * D + d;
            if (token === OUTSIDE) X[at] = Number.NaN;
            else if (token !== ZEROS)
              X[at] = (token === PADDED ? pad[channel] : data[token * width + channel]) as number;
          }
        }
      }
      return X;
    };
    const [q, k, v] = (['q', 'k', 'v'] as const).map((name, part) => gather(name, qkv, 3 * C, padding, part, channels));
    const nothing = new Float64Array(C);
    const outputChannels = fault.outputChannels ?? this.#rightChannels;
    return {
      B: 1,
      H,
      L,
      D,
      nW: mask ? 1 : 0,
      q: q as Float64Array,
      k: k as Float64Array,
      v: v as Float64Array,
      dO: isBackward && dO ? gather('dO', dO, C, nothing, 0, outputChannels) : undefined,
      bias,
      mask,
      scale,
      logitScale,
      factors,
      // Faults that use a saved forward pass are tried on whole batches of windows.
      o: nothing,
      lse: nothing,
    };
  }

  #layoutOf(geometry: Geometry = RIGHT, grid: OtherGrid | undefined = undefined): Layout {
    if (grid) return layoutOf(this.problem, geometry, grid);
    const known = this.#layouts.get(geometry) ?? layoutOf(this.problem, geometry, undefined);
    this.#layouts.set(geometry, known);
    return known;
  }

  /** Of every token of the batch u · L + l of what is stored there, −1 for nothing; the last of several stays. */
  #storesOf(geometry: Geometry = RIGHT, grid: OtherGrid | undefined = undefined): Int32Array {
    const known = grid ? undefined : this.#stores.get(geometry);
    if (known) return known;
    const { B, Himg, Wimg, L, nW } = this.problem;
    const layout = this.#layoutOf(geometry, grid);
    const from = new Int32Array(B * Himg * Wimg).fill(-1);
    const count = B * (grid?.nW ?? nW);
    for (let u = 0; u < count; u++) {
      for (let l = 0; l < L; l++) {
        const token = layout(u, l);
        if (token >= 0) from[token] = u * L + l;
      }
    }
    if (!grid) this.#stores.set(geometry, from);
    return from;
  }
}
