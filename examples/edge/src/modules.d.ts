/** A module of bytes, as wrangler.jsonc's rules make it. */
declare module '*.safetensors' {
  const bytes: ArrayBuffer;
  export default bytes;
}
