/** What a kernel module exports; pointers and sizes are bytes of `memory`. */
export interface KernelExports {
  readonly memory: WebAssembly.Memory;
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
    Wimg: number,
    Wh: number,
    Ww: number,
    shiftX: number,
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
    Wimg: number,
    Wh: number,
    Ww: number,
    shiftX: number,
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

const FUNCTIONS = [
  'heapBase',
  'windowAttentionScratch',
  'windowAttention',
  'shiftedWindowAttentionScratch',
  'shiftedWindowAttention',
  'shiftedWindowAttentionBackwardScratch',
  'shiftedWindowAttentionBackward',
  'widenHalf',
  'narrowHalf',
  'windowAttentionBackwardScratch',
  'windowAttentionBackward',
] as const;

/**
 * Instantiates a kernel module and checks what it exports.
 * @throws TypeError for a module that is not a kernel of this library.
 */
export async function instantiateKernel(module: WebAssembly.Module): Promise<KernelExports> {
  const { exports } = await WebAssembly.instantiate(module, {});
  const isKernel =
    exports.memory instanceof WebAssembly.Memory && FUNCTIONS.every((name) => typeof exports[name] === 'function');
  if (!isKernel) {
    const got = Object.keys(exports).slice(0, 8).join(', ');
    throw new TypeError(
      `"wasm" expected a kernel of flash-window-attention, got a module that exports ${got || 'nothing'}`,
    );
  }
  return exports as unknown as KernelExports;
}
