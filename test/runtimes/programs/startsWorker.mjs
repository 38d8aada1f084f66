// Starts the dedicated worker, and leaves its results for the driver or posts them where `report` says.

// Global: a browser may end a worker that its page no longer holds.
globalThis.worker = new Worker(new URL(`worker.js${location.search}`, location.href));
globalThis.results = new Promise((resolve, reject) => {
  worker.onmessage = ({ data: { results, error } }) => (error ? reject(new Error(error)) : resolve(results));
  worker.onerror = ({ message }) => reject(new Error(message));
});
const report = new URL(location.href).searchParams.get('report');
if (report) {
  const post = (body) => fetch(report, { method: 'POST', mode: 'no-cors', body: JSON.stringify(body) });
  globalThis.results.then(
    (results) => post({ results }),
    (error) => post({ error: String(error) }),
  );
}
