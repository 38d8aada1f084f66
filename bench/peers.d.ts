// For `npm run typecheck`, which knows nothing of the peers: installed, they take 500 MB. `npm run bench:build` checks
// against their own types.
declare module '@tensorflow/tfjs-backend-wasm';
declare module '@tensorflow/tfjs-core' {
  export interface Tensor {
    dataSync(): Float32Array;
  }
  type Operand = Tensor | number;
  export function setBackend(name: string): Promise<boolean>;
  export function ready(): Promise<void>;
  export function tidy<T>(run: () => T): T;
  export function tensor4d(data: Float32Array, dims: readonly number[]): Tensor;
  export function tensor5d(data: Float32Array, dims: readonly number[]): Tensor;
  export function reshape(x: Tensor, dims: readonly number[]): Tensor;
  export function mul(x: Operand, y: Operand): Tensor;
  export function add(x: Operand, y: Operand): Tensor;
  export function matMul(x: Tensor, y: Tensor, transposeX?: boolean, transposeY?: boolean): Tensor;
  export function softmax(x: Tensor): Tensor;
}
declare module 'onnxruntime-node';
declare module 'onnxruntime-web' {
  export interface Tensor {
    readonly data: unknown;
  }
  export namespace InferenceSession {
    type SessionOptions = object;
  }
  export interface InferenceSession {
    run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>;
    readonly inputNames: readonly string[];
    readonly outputNames: readonly string[];
    release(): Promise<void>;
  }
  export const InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  export const Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => Tensor;
  export const env: { readonly wasm: { numThreads?: number; wasmPaths?: string } };
}
declare module 'protobufjs';
declare module 'vega';
declare module 'vega-lite' {
  export type TopLevelSpec = object;
  export function compile(spec: TopLevelSpec): { readonly spec: object };
}
