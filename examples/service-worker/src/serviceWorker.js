import { decodeImage } from 'flash-window-attention/image';
import { SwinForImageClassification } from 'flash-window-attention/swin';

const FILES = ['./'];
const CACHE = 'page-1';
const MAX_PIXELS = 50_000_000;

let loading;

/** The model. A browser ends an idle service worker: the next request then loads it again, from the cache. */
function model() {
  loading ??= SwinForImageClassification.fromPretrained(new URL('model/', self.registration.scope), {
    cache: 'models',
  }).catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
  self.skipWaiting();
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

// A page that was loaded past the cache, by Shift and reload, belongs to no service worker until one claims it.
self.addEventListener('message', () => self.clients.claim());

self.addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request;
  if (method === 'POST' && url === new URL('classify', self.registration.scope).href) {
    event.respondWith(classify(event.request));
  } else if (mode === 'navigate') {
    event.respondWith(fetch(event.request).catch(() => caches.match('./')));
  }
});

/** The labels of the image in a request's body. */
async function classify(request) {
  try {
    const image = await decodeImage(await request.arrayBuffer(), { maxPixels: MAX_PIXELS });
    return Response.json({ labels: await (await model()).classify(image, { topK: 3, square: true }) });
  } catch (error) {
    const isTheirs = error instanceof RangeError || error instanceof TypeError;
    return Response.json({ error: error.message }, { status: isTheirs ? 422 : 500 });
  }
}
