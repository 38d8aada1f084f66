// Tells the results to the page that asks, by a message.
import { resultsOfBrowser } from './browserResults.mjs';

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('message', (event) => {
  const [port] = event.ports;
  const results = resultsOfBrowser(new URLSearchParams(event.data)).then(
    (results) => port.postMessage({ results }),
    (error) => port.postMessage({ error: String(error) }),
  );
  event.waitUntil(results);
});
