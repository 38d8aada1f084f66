/** What one isolate takes on. Beyond it, the platform starts more isolates. */
export const LIMITS = {
  /** Bytes of a body. */
  body: 8 * 2 ** 20,
  /** Bytes of a safetensors file's header, which names six tensors: millions of names would hold up all others. */
  header: 2 ** 16,
  /** Pixels of an image: 64 MB of RGBA would leave a Worker of 128 MB nothing. */
  pixels: 4_000_000,
  /** Multiplications of one call of attention, 2·B·H·L²·D: a second or so. */
  multiplications: 4e9,
  /** Requests whose bodies are read or that compute or wait. */
  requests: 64,
  /** Milliseconds in which a body must have come. */
  bodyTime: 10_000,
};
