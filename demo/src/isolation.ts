import { signal } from '@preact/signals';

/** Whether the page works without a network. */
export const isOffline = signal(false);

const RELOADED = 'reloaded for isolation';

/**
 * Registers the service worker. A page that it can isolate is loaded once more, since isolation begins with a load: returns
 * false then.
 */
export async function registerServiceWorker(): Promise<boolean> {
  if (!('serviceWorker' in navigator) || !import.meta.env.PROD) return true;
  const { serviceWorker } = navigator;
  serviceWorker.addEventListener('message', ({ data }) => {
    if (data === 'kept') isOffline.value = true;
  });
  try {
    await serviceWorker.register('serviceWorker.js');
    await serviceWorker.ready;
  } catch {
    // Private windows may forbid it: the page then needs a network, and has one thread.
    return true;
  }
  if (!serviceWorker.controller) {
    await new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve, { once: true }));
  }
  if (!globalThis.crossOriginIsolated && !sessionStorage.getItem(RELOADED)) {
    sessionStorage.setItem(RELOADED, 'yes');
    location.reload();
    return false;
  }
  sessionStorage.removeItem(RELOADED);
  return true;
}

/** Asks the service worker to keep every file. */
export function keepForOffline(): void {
  navigator.serviceWorker?.controller?.postMessage('keep');
}
