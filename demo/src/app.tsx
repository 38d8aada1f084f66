import { signal } from '@preact/signals';
import { isOffline } from './isolation.js';
import { failure, progress } from './playground.js';
import { OracleView } from './views/oracleView.js';
import { PictureView } from './views/pictureView.js';
import { SpeedView } from './views/speedView.js';
import { StepsView } from './views/stepsView.js';

const TABS = [
  { id: 'picture', label: 'Your picture', view: PictureView },
  { id: 'steps', label: 'Step by step', view: StepsView },
  { id: 'speed', label: 'Speed', view: SpeedView },
  { id: 'oracle', label: 'Oracle', view: OracleView },
] as const;

type TabId = (typeof TABS)[number]['id'];
const tabOf = (hash: string): TabId => TABS.find(({ id }) => `#${id}` === hash)?.id ?? 'picture';
const tab = signal<TabId>(tabOf(location.hash));
addEventListener('hashchange', () => {
  tab.value = tabOf(location.hash);
});

export function App() {
  return (
    <>
      <header class="top">
        <div>
          <h1>Window attention, seen</h1>
          <p>
            A Swin Transformer cuts a picture into windows, and every token looks only at the others in its window. Here
            a small one reads your picture, in your browser: nothing is uploaded.
          </p>
        </div>
        <a href="https://www.npmjs.com/package/flash-window-attention">flash-window-attention</a>
      </header>
      <Tabs />
      <Status />
      <main>
        {TABS.map(({ id, view: View }) => (
          <section key={id} id={`panel-${id}`} role="tabpanel" aria-labelledby={`tab-${id}`} hidden={tab.value !== id}>
            {tab.value === id && <View />}
          </section>
        ))}
      </main>
      <footer>
        {isOffline.value ? 'Kept on this device: works offline.' : 'Works offline once all files have come.'}{' '}
        {globalThis.crossOriginIsolated ? 'Threads can share memory here.' : 'Threads cannot share memory here.'}
      </footer>
    </>
  );
}

function Tabs() {
  const move = (event: KeyboardEvent) => {
    const at = TABS.findIndex(({ id }) => id === tab.value);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = TABS.at(to % TABS.length)?.id ?? 'picture';
    location.hash = next;
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <div role="tablist" aria-label="What to see" class="tabs" onKeyDown={move}>
      {TABS.map(({ id, label }) => (
        <button
          key={id}
          id={`tab-${id}`}
          type="button"
          role="tab"
          aria-selected={tab.value === id}
          aria-controls={`panel-${id}`}
          tabIndex={tab.value === id ? 0 : -1}
          onClick={() => {
            location.hash = id;
          }}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

function Status() {
  const now = progress.value;
  return (
    <div class="status">
      <div class="progress" role="status" data-busy={now ? 'yes' : 'no'}>
        {now && (
          <>
            <progress aria-label={now.text} {...(now.of > 0 && { max: now.of, value: now.done })} />
            <span>
              {now.text}
              {now.of > 1e4 ? ` ${Math.round((100 * now.done) / now.of)}%` : ''}
            </span>
          </>
        )}
      </div>
      {failure.value && (
        <p role="alert" class="failure">
          <span>{failure.value}</span>
          <button
            type="button"
            aria-label="Dismiss"
            onClick={() => {
              failure.value = undefined;
            }}
          >
            ×
          </button>
        </p>
      )}
    </div>
  );
}
