/** Every engine must be right, and every cycle of engines give the bits of an engine that lives alone. */
export function checkRow({ name, loaded, results, forbidsWasm, forbidsImport }) {
  const { engines, images, int8, cycles } = results;
  for (const result of engines) {
    console.log(`${name}, ${loaded}`, JSON.stringify(result));
    if (result.refused) {
      const isExpected = result.options.backend === 'wasm' ? forbidsWasm : forbidsImport;
      if (isExpected) continue;
      throw new Error(`${name} refused ${JSON.stringify(result.options)}: ${result.refused}`);
    }
    if (!(result.worst <= 1)) throw new Error(`${name}: ${result.worst} times the error allowed`);
  }
  if (forbidsWasm) return;
  console.log(`${name}, ${loaded}`, images, JSON.stringify(int8), JSON.stringify(cycles));
  if (images !== 'right' && !forbidsImport) throw new Error(`${name}: images: ${images}`);
  if (cycles.wrong > 0) throw new Error(`${name}: ${cycles.wrong} wrong results in ${cycles.cycles} cycles`);
}

/** Plain SIMD must give the same bits everywhere and in any number of threads, int8 layers in relaxed SIMD too. */
export function checkSameBits(rows) {
  const plain = rows.flatMap(({ results }) => results.engines).filter(({ simd }) => simd === 'simd');
  const digests = new Set(plain.map(({ digest }) => digest));
  if (digests.size !== 1) throw new Error(`plain SIMD gave different bits: ${[...digests].join(', ')}`);
  const int8 = rows.flatMap(({ results }) => results.int8 ?? []);
  const int8Digests = new Set(int8.map(({ digest }) => digest));
  if (int8Digests.size !== 1) throw new Error(`int8 gave different bits: ${JSON.stringify(int8)}`);
}
