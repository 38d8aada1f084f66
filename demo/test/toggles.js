// In the playground's page itself, in a Firefox that nothing drives: toggles threads as often as `toggles` says and posts
// what it saw where `report` says.
const { searchParams } = new URL(location.href);
const complaints = [];
addEventListener('error', ({ message }) => complaints.push(message));
addEventListener('unhandledrejection', ({ reason }) => complaints.push(String(reason)));

const textOf = (selector) => document.querySelector(selector)?.textContent ?? '';
const inputs = () => [...document.querySelectorAll('input[name="threads"]')];

async function result() {
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  while (!document.querySelector('[data-busy="no"]') || !/\d/.test(textOf('[data-testid="logit-error"]'))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return [textOf('.classes li span'), textOf('[data-testid="attention-error"]'), textOf('[data-testid="logit-error"]')];
}

// Before that, the page is loaded once more.
if (crossOriginIsolated) {
  const results = [await result()];
  const threads = [];
  for (let n = 0; n < Number(searchParams.get('toggles')) && inputs().length > 1; n++) {
    const input = inputs().at(n % 2 === 0 ? -1 : 0);
    input.click();
    threads.push(Number(input.value));
    results.push(await result());
  }
  const body = JSON.stringify({ results, threads, complaints });
  fetch(searchParams.get('report'), { method: 'POST', mode: 'no-cors', body });
}
