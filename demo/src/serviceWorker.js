// Keeps the page for use offline, and isolates it from other origins where its host sets no such headers: only an isolated
// page may share memory between threads. The build fills in the version and the files.
const VERSION = '__VERSION__';
const FILES = ['__FILES__'];
const CACHE = `playground-${VERSION}`;
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

self.addEventListener('install', () => self.skipWaiting());

self.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      const old = (await caches.keys()).filter((name) => name.startsWith('playground-') && name !== CACHE);
      await Promise.all(old.map((name) => caches.delete(name)));
      await self.clients.claim();
    })(),
  );
});

// The page asks for this once it shows something, so that the first picture does not wait for it.
self.addEventListener('message', (event) => {
  if (event.data !== 'keep') return;
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      const kept = new Set((await cache.keys()).map(({ url }) => url));
      await cache.addAll(FILES.filter((file) => !kept.has(new URL(file, self.registration.scope).href)));
      event.source?.postMessage('kept');
    })(),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(answer(request));
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  const url = new URL(request.url);
  const key = request.mode === 'navigate' ? self.registration.scope : url.origin + url.pathname;
  const kept = await cache.match(key);
  if (kept) return isolated(kept);
  const response = await fetch(request);
  if (response.ok && response.status === 200) await cache.put(key, response.clone());
  return isolated(response);
}

function isolated(response) {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
