/** One contestant: from JavaScript tensors to JavaScript tensors. */
export interface Side {
  readonly name: string;
  /** Whether the output is `[B, L, H, D]`, not `[B, H, L, D]`. */
  readonly isHeadsLast?: boolean;
  run(): Promise<Float32Array> | Float32Array;
  dispose(): Promise<void> | void;
}
