import type { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { coreOf } from '../src/attention/engine.js';
import { createWindowAttention, type EngineTensor, type WindowAttention } from '../src/index.js';
import { SwinForImageClassification } from '../src/swin/index.js';
import type { Tensor } from '../src/tensor/tensor.js';
import { randomNumbers, randomTensor } from './support/arbitraries.js';
import { guardMemory } from './support/guardedMemory.js';
import { smallSwin } from './support/smallSwin.js';

/** Numbers of runs: each makes engines and threads. */
const RUNS = 60;
const { tensors, config, pixels } = smallSwin();

/** What a call may be rejected with: each is the answer to something that the sequence did. */
const REASONS = /^(this (WindowAttention|tensor|model) was disposed.*|aborted|a worker thread .*)$/;

interface Engine {
  readonly attention: WindowAttention;
  readonly guard: { check(): void };
  readonly workers: Worker[];
  readonly tensors: { readonly tensor: EngineTensor; isFreed: boolean }[];
  readonly models: { readonly model: SwinForImageClassification; isDisposed: boolean }[];
  isDisposed: boolean;
  isKilled: boolean;
}

/** The engines of one sequence, and the calls that have not settled. */
interface Real {
  readonly engines: Engine[];
  readonly pending: Promise<void>[];
}

type Command = fc.AsyncCommand<object, Real>;

const pick = <T>(items: readonly T[], index: number): T | undefined => items[index % Math.max(items.length, 1)];

/** Waits for a call: the bits of a lone engine's answer, or a reason that the sequence gave. */
function follow(
  real: Real,
  engine: Engine,
  isRefused: boolean,
  call: Promise<Tensor>,
  expected: () => Promise<Tensor>,
) {
  const outcome = call.then(
    async (actual) => {
      expect(isRefused, 'a call of what was disposed of').toBe(false);
      expect(actual.data).toEqual((await expected()).data);
    },
    (error: Error) => expect(String(error.message ?? error)).toMatch(REASONS),
  );
  real.pending.push(outcome.finally(() => engine.isDisposed || engine.guard.check()));
}

/** A lone engine without threads, which nothing happens to. */
let lone: WindowAttention;
let loneModel: SwinForImageClassification;
let expectedLogits: Tensor;
beforeAll(async () => {
  lone = await createWindowAttention();
  loneModel = await SwinForImageClassification.fromStateDict(tensors, config, { attention: lone });
  expectedLogits = (await loneModel.forward(pixels)).logits;
});
afterAll(() => lone.dispose());

abstract class EngineCommand implements Command {
  constructor(
    readonly seed: number,
    readonly index: number,
  ) {}
  check = () => true;
  async run(_: object, real: Real): Promise<void> {
    const engine = pick(real.engines, this.index);
    if (engine) await this.act(real, engine);
  }
  abstract act(real: Real, engine: Engine): Promise<void> | void;
  toString = () => `${this.constructor.name}(${this.seed}, ${this.index})`;
}

class Create extends EngineCommand {
  override async run(_: object, real: Real) {
    const workers: Worker[] = [];
    const hear = (worker: Worker) => workers.push(worker);
    process.on('worker', hear);
    const attention = await createWindowAttention({ threads: 1 + (this.seed % 3) });
    process.off('worker', hear);
    const core = coreOf(attention);
    if (!core) throw new Error('no core');
    const engine = { attention, guard: guardMemory(core.memory), workers, tensors: [], models: [] };
    real.engines.push({ ...engine, isDisposed: false, isKilled: false });
  }
  act() {}
}

class Dispose extends EngineCommand {
  act(real: Real, engine: Engine) {
    engine.isDisposed = true;
    real.pending.push(engine.attention.dispose());
  }
}

class MakeTensor extends EngineCommand {
  act(_: Real, engine: Engine) {
    const make = () => engine.attention.tensor([2, 2, 7, 1 + (this.seed % 5000)]);
    if (engine.isDisposed) expect(make).toThrow('disposed');
    else engine.tensors.push({ tensor: make(), isFreed: false });
  }
}

class FreeTensor extends EngineCommand {
  act(_: Real, engine: Engine) {
    const own = pick(engine.tensors, this.seed);
    own?.tensor.dispose();
    if (own) own.isFreed = true;
  }
}

class Forward extends EngineCommand {
  act(real: Real, engine: Engine) {
    const next = randomNumbers(this.seed);
    const D = 1 + (this.seed % 40);
    const B = this.seed % 3 === 0 ? 200 : 2;
    const plain = () => randomTensor([B, 2, 7, D], next);
    const args = { q: plain(), k: plain(), v: plain() };
    // One of the inputs lies in the engine's memory, or in another one's.
    const home = this.seed % 2 ? engine : pick(real.engines, this.seed);
    const inside = home && !home.isDisposed ? home.attention.tensor([B, 2, 7, D]) : undefined;
    inside?.data.set(args.k.data);
    const controller = new AbortController();
    const call = engine.attention.forward({ ...args, ...(inside && { k: inside }) }, { signal: controller.signal });
    follow(
      real,
      engine,
      engine.isDisposed,
      call.then(({ o }) => o),
      async () => (await lone.forward(args)).o,
    );
    const free = () => inside?.dispose();
    real.pending.push(call.then(free, free));
    // Freed while the call runs or waits: then it ends right, or says that the tensor was disposed of.
    if (this.seed % 4 === 0) setTimeout(free, this.seed % 3);
    if (this.seed % 5 === 0) setTimeout(() => controller.abort(new Error('aborted')), this.seed % 4);
  }
}

class LoadModel extends EngineCommand {
  async act(_: Real, engine: Engine) {
    const load = SwinForImageClassification.fromStateDict(tensors, config, { attention: engine.attention });
    if (engine.isDisposed) await expect(load).rejects.toThrow('disposed');
    else engine.models.push({ model: await load, isDisposed: false });
  }
}

class RunModel extends EngineCommand {
  act(real: Real, engine: Engine) {
    const own = pick(engine.models, this.seed);
    if (!own) return;
    const isRefused = own.isDisposed || engine.isDisposed;
    const call = own.model.forward(pixels).then(({ logits }) => logits);
    follow(real, engine, isRefused, call, async () => expectedLogits);
  }
}

class DisposeModel extends EngineCommand {
  act(real: Real, engine: Engine) {
    const own = pick(engine.models, this.seed);
    if (!own) return;
    own.isDisposed = true;
    real.pending.push(own.model.dispose());
  }
}

class KillWorker extends EngineCommand {
  async act(real: Real, engine: Engine) {
    const worker = pick(engine.workers, this.seed);
    if (!worker) return;
    engine.isKilled = true;
    real.pending.push(worker.terminate().then(() => {}));
  }
}

class Settle extends EngineCommand {
  async act(real: Real) {
    await Promise.all(real.pending.splice(0));
  }
}

const commands = [
  Create,
  Create,
  Dispose,
  MakeTensor,
  FreeTensor,
  Forward,
  Forward,
  Forward,
  LoadModel,
  RunModel,
  RunModel,
  DisposeModel,
  KillWorker,
  Settle,
].map((Kind) => fc.tuple(fc.nat(9999), fc.nat(9)).map(([seed, index]): Command => new Kind(seed, index)));

it('answers right or says why not, whatever is made, freed, called, aborted and killed meanwhile', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 30, size: 'max' }), async (sequence) => {
      const real: Real = { engines: [], pending: [] };
      try {
        await new Create(2, 0).run({}, real);
        await fc.asyncModelRun(() => ({ model: {}, real }), sequence);
        await Promise.all(real.pending);
        for (const { guard, isDisposed } of real.engines) if (!isDisposed) guard.check();
      } finally {
        await Promise.allSettled(real.pending);
        await Promise.all(real.engines.map(({ attention }) => attention.dispose()));
      }
    }),
    { numRuns: RUNS },
  );
});
