/** What a kernel module exports; pointers and sizes are bytes of the memory that it imports. */
export interface KernelExports {
  heapBase(): number;
  windowAttentionScratch(L: number, D: number): number;
  windowAttention(
    windowHeads: number,
    first: number,
    H: number,
    L: number,
    D: number,
    nW: number,
    q: number,
    k: number,
    v: number,
    bias: number,
    mask: number,
    o: number,
    lse: number,
    scale: number,
    logitFactors: number,
    scratch: number,
  ): void;
  shiftedWindowAttentionScratch(L: number, D: number): number;
  shiftedWindowAttention(
    bands: number,
    rows: number,
    splits: number,
    type: number,
    padding: number,
    windows: number,
    columns: number,
    splitX: number,
    Wh: number,
    Ww: number,
    firstHead: number,
    heads: number,
    H: number,
    D: number,
    bias: number,
    scale: number,
    logitFactors: number,
    scratch: number,
  ): void;
  shiftedWindowAttentionBackwardScratch(L: number, D: number): number;
  shiftedWindowAttentionBackward(
    bands: number,
    rows: number,
    splits: number,
    type: number,
    padding: number,
    zeros: number,
    windows: number,
    columns: number,
    splitX: number,
    Wh: number,
    Ww: number,
    H: number,
    D: number,
    bias: number,
    dBias: number,
    dLogitScale: number,
    scale: number,
    logitFactors: number,
    scratch: number,
  ): void;
  widenHalf(type: number, from: number, to: number, count: number): void;
  narrowHalf(type: number, from: number, to: number, count: number): void;
  layerNorm(
    rows: number,
    C: number,
    x: number,
    weight: number,
    bias: number,
    eps: number,
    residual: number,
    out: number,
    scratch: number,
  ): void;
  linearScratch(rows: number, inputs: number): number;
  linear(
    rows: number,
    inputs: number,
    outputs: number,
    firstPanel: number,
    panels: number,
    x: number,
    normWeight: number,
    normBias: number,
    eps: number,
    weights: number,
    bias: number,
    isGelu: number,
    residual: number,
    o: number,
    scratch: number,
  ): void;
  packLinear(weights: number, rows: number, inputs: number, to: number): void;
  windowAttentionBackwardScratch(L: number, D: number): number;
  windowAttentionBackward(
    windowHeads: number,
    first: number,
    H: number,
    L: number,
    D: number,
    nW: number,
    q: number,
    k: number,
    v: number,
    bias: number,
    mask: number,
    dO: number,
    dQ: number,
    dK: number,
    dV: number,
    dBias: number,
    dLogitScale: number,
    scale: number,
    logitFactors: number,
    scratch: number,
  ): void;
}

/** The kernels that compute; the last parameter of each is its scratch. */
export const KERNELS = [
  'windowAttention',
  'windowAttentionBackward',
  'shiftedWindowAttention',
  'shiftedWindowAttentionBackward',
  'layerNorm',
  'linear',
] as const;
export type KernelName = (typeof KERNELS)[number];
/** The arguments of a kernel, without its scratch. */
export type KernelArgs<K extends KernelName> = WithoutLast<Parameters<KernelExports[K]>>;
type WithoutLast<T> = T extends [...infer A, number] ? A : never;

const FUNCTIONS = [
  ...KERNELS,
  'heapBase',
  'windowAttentionScratch',
  'windowAttentionBackwardScratch',
  'shiftedWindowAttentionScratch',
  'shiftedWindowAttentionBackwardScratch',
  'linearScratch',
  'packLinear',
  'widenHalf',
  'narrowHalf',
] as const;

/**
 * Instantiates a kernel module on `memory` and checks what it exports.
 * @throws TypeError for a module that is not a kernel of this library.
 */
export async function instantiateKernel(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<KernelExports> {
  if (!FUNCTIONS.every((name) => WebAssembly.Module.exports(module).some((e) => e.name === name))) {
    const got = WebAssembly.Module.exports(module)
      .slice(0, 8)
      .map((e) => e.name)
      .join(', ');
    throw new TypeError(
      `"wasm" expected a kernel of flash-window-attention, got a module that exports ${got || 'nothing'}`,
    );
  }
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  return exports as unknown as KernelExports;
}
