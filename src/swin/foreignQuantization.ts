import { describe, message } from '../tensor/check.js';
import type { SwinConfig } from './config.js';
import type { TimmConfig } from './timmConfig.js';

/** compressed-tensors' formats of int8 `….weight` and `….weight_scale`; the second is the first's older name. */
const READ = ['int-quantized', 'naive-quantized'];

/**
 * Reads the tensors of a model. bitsandbytes, GPTQ, AWQ, fp8 and others name and pack them each in its own way, so that
 * what is wrong with them says little; floats beside such a config are read as they are.
 * Source: transformers, `quantization_config`.
 * @throws what `read` throws; where the config says that they are quantised in a way that is not read here, an error of
 * the same class that says so first.
 */
export function readAs<T>(config: SwinConfig | TimmConfig, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw explained(error, config);
  }
}

/** An error of reading tensors as `readAs` throws it. */
export function explained(error: unknown, config: SwinConfig | TimmConfig): unknown {
  const method = foreignMethod(Object(config).quantization_config);
  if (method === undefined || !(error instanceof RangeError || error instanceof TypeError)) return error;
  const expected = 'compressed-tensors\' "int-quantized", or tensors of floats';
  const text = `${message('config.quantization_config', expected, method)}: ${error.message}`;
  return error instanceof RangeError ? new RangeError(text, { cause: error }) : new TypeError(text, { cause: error });
}

function foreignMethod(config: unknown): string | undefined {
  if (typeof config !== 'object' || config === null) return undefined;
  const { quant_method: method, format = READ[0] } = config as { quant_method?: unknown; format?: unknown };
  if (method !== 'compressed-tensors') return describe(method);
  return READ.includes(format as string) ? undefined : `${describe(method)} of format ${describe(format)}`;
}
