// What users write, with the types that they get; compiled by `npm run test:types`, and never run.
import { createWindowAttention } from 'flash-window-attention';
import { checkCase, makeVectors } from 'flash-window-attention/oracle';
import { writeSafetensors } from 'flash-window-attention/safetensors';
import { SwinForImageClassification } from 'flash-window-attention/swin';

/** Compiles where `actual` has type `T` and no wider or narrower one. */
declare function expectType<T>(): <U>(actual: U, ...same: Same<T, U> extends true ? [] : [never]) => void;
type Same<T, U> = (<V>() => V extends T ? 1 : 2) extends <V>() => V extends U ? 1 : 2 ? true : false;

export async function expressions(): Promise<void> {
  await using attention = await createWindowAttention({ threads: 2 });
  const q = { data: new Float32Array(2 * 49 * 32), dims: [1, 2, 49, 32] };

  const { o } = await attention.forward({ q, k: q, v: q });
  expectType<Float32Array>()(o.data);
  expectType<number>()((o.data[0] as number) * 2);
  expectType<number>()(o.data.length);
  o.data[0] * 2;
  new Float32Array(o.data);

  const { lse } = await attention.forward({ q, k: q, v: q }, { lse: true });
  expectType<Float32Array>()(lse.data);
  const plain = await attention.forward({ q, k: q, v: q });
  // @ts-expect-error: it is there only where it was asked for.
  plain.lse.data;

  const out = { data: new Uint16Array(2 * 49 * 32), dims: q.dims, type: 'float16' as const };
  expectType<Uint16Array<ArrayBuffer>>()((await attention.forward({ q, k: q, v: q, out })).o.data);

  const shape = [4, 2, 49, 32] as const;
  const vectors = makeVectors({ shape, bias: true, nW: 2, backward: true });
  const output = await attention.forward(vectors, { lse: true });
  const gradients = await attention.backward(vectors);
  checkCase(vectors, { ...output, ...gradients });
  checkCase(makeVectors({ shape }), { o: output.o });
  writeSafetensors(vectors);
  // @ts-expect-error: dO is there only where it was asked for.
  await attention.backward(makeVectors({ shape }));

  const own = await SwinForImageClassification.fromPretrained('model', { onProgress: ({ loaded }) => loaded });
  const { logits } = await own.forward({ data: new Float32Array(3 * 224 * 224), dims: [1, 3, 224, 224] });
  expectType<number>()(logits.data.length);
}
