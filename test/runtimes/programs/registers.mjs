// Registers the service worker and leaves its results for the driver.

const { searchParams } = new URL(location.href);
globalThis.results = resultsOfWorker();

async function resultsOfWorker() {
  const type = searchParams.get('type');
  const url = new URL(searchParams.get('worker'), location.href);
  await navigator.serviceWorker.register(url, { type });
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  active.postMessage(searchParams.toString(), [port2]);
  const { results, error } = await answer;
  if (error) throw new Error(error);
  return results;
}
