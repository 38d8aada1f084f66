import { batch, computed, signal } from '@preact/signals';
import { proxy, type Remote, wrap } from 'comlink';
import type {
  AttentionRow,
  Block,
  Classified,
  Errors,
  FaultName,
  Picture,
  Progress,
  Settings,
  Support,
  Timing,
} from './protocol.js';
import type { Playground } from './worker/playground.js';

/** A picture to click. */
export interface Sample {
  readonly file: string;
  readonly label: string;
}

export const SAMPLES: readonly Sample[] = [
  { file: 'chelsea.webp', label: 'A cat' },
  { file: 'rocket.webp', label: 'A rocket' },
  { file: 'astronaut.webp', label: 'An astronaut' },
];

/** A token whose attention is shown. */
export interface Selection {
  readonly token: number;
  readonly row: AttentionRow;
}

export const support = signal<Support | undefined>(undefined);
export const settings = signal<Settings>({ simd: 'simd', threads: 1, weights: 'float32' });
export const picture = signal<(Picture & { readonly url: string; readonly label: string }) | undefined>(undefined);
export const classified = signal<Classified | undefined>(undefined);
export const errors = signal<Errors | undefined>(undefined);
export const blocks = signal<readonly Block[]>([]);
export const blockIndex = signal(1);
export const head = signal(0);
export const selection = signal<Selection | undefined>(undefined);
export const timings = signal<readonly Timing[]>([]);
export const faults = signal<readonly FaultName[]>([]);
export const progress = signal<Progress | undefined>(undefined);
export const failure = signal<string | undefined>(undefined);
export const block = computed(() => blocks.value[blockIndex.value]);

// The worker learns by its name where the page's files lie.
const name = new URL('./', document.baseURI).href;
const worker = new Worker(new URL('./worker/playground.ts', import.meta.url), { type: 'module', name });
/** Holds the worker: Firefox ends one whose object it has collected. */
const remote = wrap<Playground>(worker);

/** Hears of a long step from the worker. */
const onProgress = proxy((now: Progress) => {
  progress.value = now;
});

/** Runs a step in the worker, shows how far it is, and its error if it fails. Returns undefined then. */
export async function step<T>(
  text: string,
  run: (playground: Remote<Playground>, onProgress: (now: Progress) => void) => Promise<T>,
): Promise<T | undefined> {
  batch(() => {
    progress.value = { text, done: 0, of: 0 };
    failure.value = undefined;
  });
  try {
    return await run(remote, onProgress);
  } catch (error) {
    if ((error as Error).name !== 'AbortError') failure.value = (error as Error).message;
    return undefined;
  } finally {
    progress.value = undefined;
  }
}

export async function start(): Promise<void> {
  const found = await step('Asking what this browser can do', (playground) => playground.support());
  if (!found) return;
  batch(() => {
    support.value = found;
    settings.value = {
      simd: found.simd.includes('simd') ? 'simd' : 'typescript',
      threads: 1,
      weights: found.weights[0] ?? 'float32',
    };
  });
  await chooseSample(SAMPLES[0] as Sample);
}

export async function chooseSample({ file, label }: Sample): Promise<void> {
  const response = await fetch(`samples/${file}`);
  if (response.ok) await choosePicture(await response.blob(), label);
  else failure.value = `The sample could not be loaded: the server answered ${response.status}`;
}

let choices = 0;

/** Shows, classifies and checks a picture; a picture that is chosen meanwhile takes its place. */
export async function choosePicture(file: Blob, label: string): Promise<void> {
  const choice = ++choices;
  const shown = await step('Reading the picture', (playground) => playground.show(file, label));
  if (!shown || choice !== choices) return;
  const old = picture.value?.url;
  batch(() => {
    picture.value = { ...shown, label, url: URL.createObjectURL(shown.square) };
    classified.value = undefined;
    errors.value = undefined;
    selection.value = undefined;
    timings.value = [];
  });
  if (old) URL.revokeObjectURL(old);
  await compute(choice);
}

export async function changeSettings(change: Partial<Settings>): Promise<void> {
  settings.value = { ...settings.value, ...change };
  if (picture.value) await compute(++choices);
}

async function compute(choice: number): Promise<void> {
  const isCurrent = () => choice === choices;
  const wanted = settings.value;
  const result = await step('Classifying', (playground, hear) => playground.classify(wanted, hear));
  if (!result || !isCurrent()) return;
  classified.value = result;
  const checked = await step('Checking against float64', (playground, hear) => playground.check(hear));
  if (!checked || !isCurrent()) return;
  batch(() => {
    errors.value = checked.errors;
    blocks.value = checked.blocks;
    record({ settings: result.settings, milliseconds: result.milliseconds, errors: checked.errors });
  });
  if (selection.value) await select(selection.value.token);
}

/** Keeps the newest timing of every setting. */
function record(timing: Timing): void {
  const key = ({ settings: own }: Timing) => `${own.simd} ${own.threads} ${own.weights}`;
  timings.value = [...timings.value.filter((other) => key(other) !== key(timing)), timing];
}

export async function compareAll(all: readonly Settings[]): Promise<void> {
  const measured = await step('Measuring', (playground, hear) => playground.compare(all, hear));
  if (!measured) return;
  batch(() => {
    measured.forEach(record);
  });
}

export async function listFaults(): Promise<void> {
  if (faults.value.length > 0) return;
  faults.value = (await step('Listing faults', (playground) => playground.faults())) ?? [];
}

let asked = 0;

/** Asks for a token's attention; of several questions the last is shown. */
export async function select(token: number): Promise<void> {
  const question = ++asked;
  const [at, of] = [blockIndex.value, head.value];
  const row = await step('Computing the attention', (playground) => playground.attention(at, of, token));
  if (row && question === asked) selection.value = { token, row };
}

/** Shows another block or head, the selection kept where the block has that token. */
export async function showBlock(at: number, of: number): Promise<void> {
  const from = block.value;
  const to = blocks.value[at];
  if (!to) return;
  const token = selection.value?.token;
  batch(() => {
    blockIndex.value = at;
    head.value = Math.min(of, to.heads - 1);
    if (from?.width !== to.width) selection.value = undefined;
  });
  if (token === undefined || !from) return;
  const [y, x] = [Math.floor(token / from.width), token % from.width];
  const scaled = Math.floor((y * to.height) / from.height) * to.width + Math.floor((x * to.width) / from.width);
  await select(scaled);
}
