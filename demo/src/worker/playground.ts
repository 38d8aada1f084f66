import { expose } from 'comlink';
import type { WindowAttention } from 'flash-window-attention';
import { compare } from 'flash-window-attention/oracle';
import type { RawImage, SwinForImageClassification } from 'flash-window-attention/swin';
import type {
  AttentionRow,
  BenchReport,
  Block,
  Classified,
  Errors,
  FaultName,
  OnProgress,
  Picture,
  Settings,
  Steps,
  Support,
  Timing,
  Verdicts,
} from '../protocol.js';
import { attentionRow, stepsOf } from './attentionRow.js';
import { engineFor, ModelFiles, settingsOf, supportOf } from './model.js';
import { decode, squareOf } from './picture.js';
import { type TracedCall, tracingReference } from './trace.js';
import { type BlockWindows, blockOf, windowsOf } from './windows.js';

/** A model on an engine of its own. */
interface Loaded {
  readonly asked: Settings;
  /** What really runs. */
  readonly settings: Settings;
  readonly engine: WindowAttention;
  readonly model: SwinForImageClassification;
}

/** The picture at hand, as the float64 reference computes it. */
interface Reference {
  readonly logits: ArrayLike<number>;
  readonly calls: readonly TracedCall[];
  readonly windows: readonly BlockWindows[];
  readonly blocks: readonly Block[];
}

const ROUNDS = 5;
const MILLISECONDS = 150;

/** What the page asks its worker for. Calls run one after the other. What the first tab does not need comes when it is asked for. */
export class Playground {
  #files: ModelFiles;
  #loaded: Loaded | undefined;
  #reference: { readonly model: SwinForImageClassification; readonly calls: TracedCall[] } | undefined;
  #image: RawImage | undefined;
  #traced: Reference | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #isCancelled = false;

  constructor(private readonly base: string) {
    this.#files = new ModelFiles(`${base}model/`);
  }

  support(): Promise<Support> {
    return this.#inTurn(() => supportOf(this.#files));
  }

  /** Takes a picture. Rejects with RangeError for a file that is no image. */
  show(file: Blob, name: string): Promise<Picture> {
    return this.#inTurn(async () => {
      const image = await decode(file, name);
      this.#image = image;
      this.#traced = undefined;
      return squareOf(image);
    });
  }

  classify(settings: Settings, onProgress: OnProgress): Promise<Classified> {
    return this.#inTurn(async () => {
      const { model, settings: actual } = await this.#modelOn(settings, onProgress);
      const { classes, milliseconds } = await timed(model, this.#shown());
      return { classes, milliseconds, settings: actual };
    });
  }

  /** The picture's way through the float64 model, and how far the engine at hand is from it. */
  check(onProgress: OnProgress): Promise<{ readonly errors: Errors; readonly blocks: readonly Block[] }> {
    return this.#inTurn(async () => {
      const { blocks } = await this.#referenceOn(onProgress);
      return { errors: await this.#errorsOf(this.#current()), blocks };
    });
  }

  attention(block: number, head: number, token: number): Promise<AttentionRow> {
    return this.#inTurn(async () => {
      const { windows } = await this.#referenceOn();
      return attentionRow(windows[block] as BlockWindows, head, token, this.#current().engine);
    });
  }

  steps(block: number, window: number, head: number): Promise<Steps> {
    return this.#inTurn(async () => {
      const { windows, calls } = await this.#referenceOn();
      return stepsOf(windows[block] as BlockWindows, window, head, (calls[block] as TracedCall).o);
    });
  }

  /** Times the picture with every one of `all`. */
  compare(all: readonly Settings[], onProgress: OnProgress): Promise<Timing[]> {
    return this.#inTurn(async () => {
      await this.#referenceOn(onProgress);
      const timings: Timing[] = [];
      for (const [done, settings] of all.entries()) {
        onProgress({ text: 'Measuring', done, of: all.length });
        const loaded = await this.#load(settings);
        try {
          const { milliseconds } = await timed(loaded.model, this.#shown());
          timings.push({ settings: loaded.settings, milliseconds, errors: await this.#errorsOf(loaded) });
        } finally {
          await unload(loaded);
        }
      }
      return timings;
    });
  }

  measure(settings: Settings, onProgress: OnProgress): Promise<BenchReport> {
    this.#isCancelled = false;
    return this.#inTurn(async () => {
      const { measure } = await import('./bench.js');
      return measure(settings, this.base, onProgress, () => this.#isCancelled);
    });
  }

  /** Ends the benchmark between two rounds. */
  stop(): void {
    this.#isCancelled = true;
  }

  async faults(): Promise<readonly FaultName[]> {
    const { PLANTED_FAULTS } = await import('./faults/planted.js');
    return PLANTED_FAULTS.map(({ name, text, group }) => ({ name, text, group }));
  }

  /** Judges a kernel that has the fault of that number. */
  plant(number: number, seed: number): Promise<Verdicts> {
    return this.#inTurn(async () => {
      const [{ PLANTED_FAULTS }, { judge }] = await Promise.all([import('./faults/planted.js'), import('./judge.js')]);
      const fault = PLANTED_FAULTS[number];
      if (!fault) throw new RangeError(`number expected to be below ${PLANTED_FAULTS.length}, got ${number}`);
      const { inputs, actuals } = fault.plant(seed);
      return { ...judge(fault.text, inputs, actuals), planted: fault.name };
    });
  }

  judgeFile(name: string, bytes: Uint8Array): Promise<Verdicts[]> {
    return this.#inTurn(async () => (await import('./judge.js')).judgeFile(name, bytes));
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last.then(step);
    this.#last = result.catch(() => {});
    return result;
  }

  #shown(): RawImage {
    if (!this.#image) throw new Error('there is no picture yet');
    return this.#image;
  }

  #current(): Loaded {
    if (!this.#loaded) throw new Error('there is no model yet');
    return this.#loaded;
  }

  async #load(settings: Settings, onProgress?: OnProgress): Promise<Loaded> {
    const engine = await engineFor(settings);
    try {
      const model = await this.#files.load(engine, settings.weights, onProgress);
      return { asked: settings, settings: settingsOf(engine, settings.weights), engine, model };
    } catch (error) {
      await engine.dispose();
      throw error;
    }
  }

  async #modelOn(settings: Settings, onProgress: OnProgress): Promise<Loaded> {
    const current = this.#loaded;
    if (current && isSame(current.asked, settings)) return current;
    this.#loaded = undefined;
    if (current) await unload(current);
    const loaded = await this.#load(settings, onProgress);
    this.#loaded = loaded;
    return loaded;
  }

  async #referenceOn(onProgress?: OnProgress): Promise<Reference> {
    if (this.#traced) return this.#traced;
    onProgress?.({ text: 'Computing the picture in float64', done: 0, of: 0 });
    const reference = await this.#referenceModel();
    reference.calls.length = 0;
    const { logits } = await reference.model.forward(reference.model.preprocess(this.#shown(), { square: true }));
    const calls = [...reference.calls];
    const windows = calls.map(windowsOf);
    const stages = stagesOf(windows);
    const blocks = windows.map((own, at) => blockOf(own, ...(stages[at] as [number, number])));
    this.#traced = { logits: logits.data, calls, windows, blocks };
    return this.#traced;
  }

  async #referenceModel() {
    if (this.#reference) return this.#reference;
    const calls: TracedCall[] = [];
    const engine = tracingReference(await engineFor({ simd: 'typescript', threads: 1 }), (call) => calls.push(call));
    this.#reference = { model: await this.#files.load(engine, 'float32'), calls };
    return this.#reference;
  }

  async #errorsOf({ engine, model }: Loaded): Promise<Errors> {
    const { logits, calls } = await this.#referenceOn();
    let attention = 0;
    for (const { args, o } of calls) {
      attention = Math.max(attention, compare(await engine.shiftedWindowAttention(args), o).maxAbsError);
    }
    const own = (await model.forward(model.preprocess(this.#shown(), { square: true }))).logits.data;
    return { attention, logits: own.reduce((most, x, at) => Math.max(most, Math.abs(x - (logits[at] as number))), 0) };
  }
}

async function timed(model: SwinForImageClassification, image: RawImage) {
  let classes = await model.classify(image, { square: true });
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < ROUNDS && performance.now() - begin < MILLISECONDS) {
    const start = performance.now();
    classes = await model.classify(image, { square: true });
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { classes, milliseconds: times[times.length >> 1] as number };
}

async function unload({ model, engine }: Loaded): Promise<void> {
  await model.dispose();
  await engine.dispose();
}

function isSame(a: Settings, b: Settings): boolean {
  return a.simd === b.simd && a.weights === b.weights && (a.threads === b.threads || a.simd === 'typescript');
}

/** The stage of every block, and its number in it: a stage begins where the image has another size. */
function stagesOf(windows: readonly BlockWindows[]): [number, number][] {
  let [stage, number] = [0, -1];
  return windows.map(({ width }, at) => {
    const isNext = at > 0 && width !== windows[at - 1]?.width;
    [stage, number] = isNext ? [stage + 1, 0] : [stage, number + 1];
    return [stage, number];
  });
}

expose(new Playground(self.name));
