import { SCHEMA_VERSION } from '../build/assembly/records';

/** First byte of memory that a module leaves to the caller. */
export function heapBase(): usize {
  return __heap_base;
}

/** Whether this is the relaxed-SIMD build. */
export function isRelaxed(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}

/** Of the records that the kernels read (src/kernel/schema.ts). */
export function schemaVersion(): i32 {
  return SCHEMA_VERSION;
}
