import type { ShiftedWindowArgs, Tensor, WindowAttention } from 'flash-window-attention';
import { shiftedWindowAttention } from 'flash-window-attention/reference';

/** One block's attention: what it was called with, and the float64 reference's output. */
export interface TracedCall {
  readonly args: ShiftedWindowArgs;
  readonly o: Tensor<Float64Array>;
}

/**
 * An engine that computes images by the float64 reference and hands every call to `onCall`. A model on it computes all of
 * itself in float64.
 */
export function tracingReference(engine: WindowAttention, onCall: (call: TracedCall) => void): WindowAttention {
  const traced = async (args: ShiftedWindowArgs) => {
    const o = shiftedWindowAttention(args);
    onCall({ args, o });
    return o;
  };
  return { ...engine, shiftedWindowAttention: traced as WindowAttention['shiftedWindowAttention'] };
}
