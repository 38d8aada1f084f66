import asc from 'assemblyscript/asc';

/** Compiles an AssemblyScript test entry with the flags of the build and instantiates it. */
export async function compileKernel<T>(entry: string): Promise<T & { readonly memory: WebAssembly.Memory }> {
  let binary: Uint8Array | undefined;
  const flags = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--initialMemory', '4'];
  const { error, stderr } = await asc.main([entry, '-o', 'kernel.wasm', ...flags], {
    writeFile: (name, contents) => {
      if (name.endsWith('.wasm')) binary = contents as Uint8Array;
    },
  });
  if (error || !binary) throw new Error(`${entry}: ${error?.message}\n${stderr}`);
  const { instance } = await WebAssembly.instantiate(binary as BufferSource as Uint8Array<ArrayBuffer>);
  return instance.exports as unknown as T & { memory: WebAssembly.Memory };
}
