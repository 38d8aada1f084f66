import type { KernelCore } from '../kernel/core.js';
import { type CallOptions, checkSignal } from '../tensor/abortSignal.js';
import { checkInteger, checkKeys, checkObject, describe, message } from '../tensor/check.js';
import { product } from '../tensor/tensor.js';
import type { ForwardOptions, WindowAttention } from './interface.js';
import type { Operations } from './operations.js';

/** Where an engine keeps its operations; copies of the object by `{ ...attention }` have it too. */
const OPERATIONS = Symbol('operations');

interface Engine extends WindowAttention {
  readonly [OPERATIONS]: { readonly core: KernelCore | undefined; readonly attend: unknown; checkOpen(): void };
}

/**
 * The core behind an engine, or behind a copy of one, for models that compute more than attention with it. Undefined
 * without WebAssembly, and where `shiftedWindowAttention` is not the engine's own: then a model has to call it.
 */
export function coreOf(attention: WindowAttention): KernelCore | undefined {
  const operations = (attention as Partial<Engine>)[OPERATIONS];
  return operations?.attend === attention.shiftedWindowAttention ? operations.core : undefined;
}

/** @throws Error where an engine of `createWindowAttention` was disposed of. */
export function checkOpen(attention: WindowAttention): void {
  (attention as Partial<Engine>)[OPERATIONS]?.checkOpen();
}

/** Checks options in front of `operations`; its methods can be taken apart from the object. */
export function engineOf(operations: Operations): WindowAttention {
  const { core } = operations;
  /** @throws Error once the engine is closing, whatever the arguments are. */
  const whileOpen = () => {
    operations.checkOpen();
    return operations;
  };
  const attend = async (args: Parameters<Operations['shiftedWindowAttention']>[0], options?: CallOptions) =>
    whileOpen().shiftedWindowAttention(args, checkOptions(options));
  const dispose = () => operations.dispose();
  const engine = {
    backend: operations.backend,
    simd: operations.simd,
    threads: operations.threads,
    forward: async (args: Parameters<Operations['forward']>[0], options?: ForwardOptions) =>
      whileOpen().forward(args, checkForwardOptions(options)),
    backward: async (args: Parameters<Operations['backward']>[0], options?: CallOptions) =>
      whileOpen().backward(args, checkOptions(options)),
    shiftedWindowAttention: attend,
    shiftedWindowAttentionBackward: async (
      args: Parameters<Operations['shiftedWindowAttentionBackward']>[0],
      options?: CallOptions,
    ) => whileOpen().shiftedWindowAttentionBackward(args, checkOptions(options)),
    tensor(dims: readonly number[]) {
      if (!Array.isArray(dims)) throw new TypeError(message('dims', 'an array of integers', describe(dims)));
      dims.forEach((dim, i) => {
        checkInteger(`dims[${i}]`, dim, 0);
      });
      checkInteger('product(dims)', product(dims), 0);
      return operations.tensor([...dims]);
    },
    dispose,
    // Hosts without it know no `await using` either.
    ...(Symbol.asyncDispose && { [Symbol.asyncDispose]: dispose }),
    [OPERATIONS]: { core, attend, checkOpen: operations.checkOpen },
  };
  // What the operations return depends on the types of their arguments in ways that only the interface states.
  return engine as unknown as Engine;
}

/** Keys of every method's options: callers may hand one object of them to several. */
const OPTIONS = ['lse', 'signal'] as const;

const NONE: ForwardOptions = {};

function checkOptions(options: CallOptions | undefined): CallOptions {
  if (options === undefined) return NONE;
  checkKeys('options', checkObject('options', options), OPTIONS);
  checkSignal(options.signal);
  return options;
}

function checkForwardOptions(options: ForwardOptions | undefined): ForwardOptions {
  const { lse } = checkOptions(options) as ForwardOptions;
  if (lse !== undefined && typeof lse !== 'boolean') throw new TypeError(message('lse', 'a boolean', describe(lse)));
  return options ?? NONE;
}
