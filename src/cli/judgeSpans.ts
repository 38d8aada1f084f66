import { Worker } from 'node:worker_threads';
import { type Judged, joinJudged } from '../oracle/judgeWindows.js';
import type { JudgedCase } from '../oracle/windowCase.js';
import type { JudgeTask, Span } from './judgeTask.js';

export interface JudgeOptions {
  /** Threads that share the stretches. */
  readonly threads: number;
  /** Called when a stretch has been judged. */
  readonly onProgress?: ((done: number, all: number) => void) | undefined;
}

/** All stretches of a case. */
export function allSpans({ count, stretch }: JudgedCase): Span[] {
  return Array.from({ length: Math.ceil(count / stretch) }, (_, i) => ({
    first: i * stretch,
    count: Math.min(stretch, count - i * stretch),
  }));
}

/** Windows or images drawn at random, each once, in their order. */
export function sampledSpans({ count }: JudgedCase, size: number, seed: number): Span[] {
  const all = Array.from({ length: count }, (_, first) => first);
  let state = seed | 0;
  for (let i = 0; i < Math.min(size, count); i++) {
    // Source: mulberry32, and Fisher and Yates' shuffle.
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    const other = i + (((t ^ (t >>> 14)) >>> 0) % (count - i));
    [all[i], all[other]] = [all[other] as number, all[i] as number];
  }
  return all
    .slice(0, size)
    .sort((a, b) => a - b)
    .map((first) => ({ first, count: 1 }));
}

/** Judges stretches in this thread or in several and joins them in their order, so that threads change no bit. */
export async function judgeSpans(
  judgedCase: JudgedCase,
  task: JudgeTask,
  spans: readonly Span[],
  { threads, onProgress }: JudgeOptions,
): Promise<Judged> {
  const all = judgedCase.nothing();
  const join = (judged: Judged, i: number) => {
    joinJudged(all, judged, judgedCase.windowsBefore((spans[i] as Span).first));
    onProgress?.(i + 1, spans.length);
  };
  if (threads <= 1 || spans.length <= 1) {
    for (const [i, { first, count }] of spans.entries()) join(judgedCase.judge(first, count), i);
    return all;
  }
  const waiting = new Map<number, Judged>();
  let next = 0;
  let joined = 0;
  const workers = Array.from(
    { length: Math.min(threads, spans.length) },
    () => new Worker(new URL('./judgeWorker.js', import.meta.url), { workerData: task }),
  );
  try {
    await Promise.all(
      workers.map(
        (worker) =>
          new Promise<void>((resolve, reject) => {
            let at = -1;
            const ask = () => {
              if (next >= spans.length) return resolve();
              at = next++;
              worker.postMessage(spans[at]);
            };
            worker.on('error', reject);
            worker.on('exit', (code) => reject(new Error(`a judging thread ended with code ${code}`)));
            worker.on('message', ({ judged }: { readonly judged: Judged }) => {
              waiting.set(at, judged);
              for (let ready = waiting.get(joined); ready; ready = waiting.get(joined)) {
                waiting.delete(joined);
                join(ready, joined++);
              }
              ask();
            });
            ask();
          }),
      ),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return all;
}
