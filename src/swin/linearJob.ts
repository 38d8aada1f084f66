import type { KernelCall } from '../kernel/core.js';
import type { Job } from '../kernel/job.js';
import { CONSTANTS } from '../kernel/schema.js';
import { ELEMENT_TYPES } from '../kernel/staging.js';
import type { ModelKernels } from './modelKernels.js';
import type { PackedLinear, PackedNorm } from './packedWeights.js';

/** Bytes of the share of X that a part reads again and again: it stays in a core's L2 cache beside the weights' panel. */
const PART_BYTES = 320 * 1024;
/** Rows below which a part reads its weights for too little; then threads share the outputs instead. */
const MIN_ROWS = 64;
/** Parts for each thread, for an even end. */
const PARTS_PER_THREAD = 4;

/** Y (rows, outputs) = norm(X) Wᵀ + bias + residual, or gelu of it; all pointers to kernel memory. */
export interface LinearStep {
  readonly rows: number;
  readonly layer: PackedLinear;
  readonly x: number;
  readonly o: number;
  /** Layer norm of X's rows. */
  readonly norm?: PackedNorm | undefined;
  readonly isGelu?: boolean;
  /** May be `o`. */
  readonly residual?: number;
}

/** Parts are blocks of rows and, where these are too few for the threads, of panels of outputs. */
export function linearJob(
  call: KernelCall,
  kernels: ModelKernels,
  step: LinearStep,
): Job<'linear'> | Job<'linearInt8'> {
  const { core } = call;
  const { rows, layer, x, o, norm, isGelu = false, residual = 0 } = step;
  const { inputs, outputs, weights, scales, dtype, bias } = layer;
  const fitting = Math.max(4, Math.floor(PART_BYTES / (4 * Math.min(inputs, CONSTANTS.LINEAR_CHUNK_DIM))));
  const wanted = core.threads === 1 ? 1 : PARTS_PER_THREAD * core.threads;
  const panels = Math.ceil(outputs / CONSTANTS.PANEL);
  const blocks = Math.max(1, Math.ceil(rows / fitting), Math.min(wanted, Math.ceil(rows / MIN_ROWS)));
  const rowsOfPart = Math.max(4, Math.ceil(rows / blocks / 4) * 4);
  const rowParts = Math.ceil(rows / rowsOfPart);
  const panelParts = Math.min(panels, Math.ceil(wanted / rowParts));
  const panelsOfPart = Math.ceil(panels / panelParts);
  const { scratch, scratchBytes } = call.scratch(
    dtype === 'int8'
      ? kernels.linearInt8Scratch(rowsOfPart, inputs)
      : kernels.linearScratch(norm ? rowsOfPart : 0, inputs),
  );
  const { at } = call.work({ scratch });
  const parts = { parts: rowParts * Math.ceil(panels / panelsOfPart), scratch: at.scratch, scratchBytes };
  const enter = (part: number) => {
    const row = (part % rowParts) * rowsOfPart;
    const panel = Math.floor(part / rowParts) * panelsOfPart;
    return {
      rows: Math.min(rowsOfPart, rows - row),
      inputs,
      outputs,
      firstPanel: panel,
      panels: Math.min(panelsOfPart, panels - panel),
      x: x + 4 * row * inputs,
      normWeight: norm?.weight ?? 0,
      normBias: norm?.bias ?? 0,
      eps: norm?.eps ?? 0,
      weights,
      bias,
      isGelu: Number(isGelu),
      residual: residual && residual + 4 * row * outputs,
      o: o + 4 * row * outputs,
    };
  };
  if (dtype === 'int8') return { ...parts, kernel: 'linearInt8', enter: (part) => ({ scales, ...enter(part) }) };
  return { ...parts, kernel: 'linear', enter: (part) => ({ weightType: ELEMENT_TYPES[dtype], ...enter(part) }) };
}
