import { decodeImage } from 'flash-window-attention/image';
import { SwinForImageClassification } from 'flash-window-attention/swin';

export const runtime = 'edge';
let model;

/** As /classify. Edge functions may have 1 MB of code, so that the model comes from the application's public files. */
export async function POST(request) {
  try {
    model ??= SwinForImageClassification.fromPretrained(new URL('/swin-cifar10/', request.url)).catch((error) => {
      model = undefined;
      throw error;
    });
    const image = await decodeImage(await request.arrayBuffer());
    const labels = await (await model).classify(image, { topK: 3, square: true, signal: request.signal });
    return Response.json({ labels });
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    return Response.json({ error: error.message }, { status: 422 });
  }
}
