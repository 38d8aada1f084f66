import { decodeImage } from 'flash-window-attention/image';
import config from 'flash-window-attention/models/swin-cifar10/config.json';
import weightsUrl from 'flash-window-attention/models/swin-cifar10/model.safetensors?url';
import preprocessor from 'flash-window-attention/models/swin-cifar10/preprocessor_config.json';
import { SwinForImageClassification } from 'flash-window-attention/swin';

const loading = load();
loading.then(
  () => postMessage({ isReady: true }),
  (error) => postMessage({ error: error.message }),
);

self.onmessage = async ({ data: file }) => {
  try {
    const image = await decodeImage(await file.arrayBuffer());
    postMessage({ labels: await (await loading).classify(image, { topK: 3, square: true }) });
  } catch (error) {
    postMessage({ error: error.message });
  }
};

/** Vite gives the weights a name of their own; a model elsewhere is one `fromPretrained(url, { onProgress })`. */
async function load() {
  const response = await fetch(weightsUrl);
  if (!response.ok) throw new Error(`${weightsUrl}: ${response.status}`);
  const total = Number(response.headers.get('content-length'));
  const chunks = [];
  let loaded = 0;
  for await (const chunk of readable(response.body)) {
    chunks.push(chunk);
    loaded += chunk.length;
    // A compressed answer is longer than its header says.
    if (total > 0) postMessage({ progress: Math.min(1, loaded / total) });
  }
  postMessage({ progress: 1 });
  const weights = await new Blob(chunks).arrayBuffer();
  return SwinForImageClassification.fromPretrained({ config, weights, preprocessor });
}

/** Safari's streams cannot be iterated. */
async function* readable(stream) {
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}
