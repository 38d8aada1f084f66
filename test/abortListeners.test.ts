import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { CallQueue } from '../src/kernel/callQueue.js';
import { onAbort } from '../src/tensor/abortListeners.js';

describe('a signal that many calls share', () => {
  /** Queues whose first call runs until `end`, with 15 calls behind it that `signal` may abort. */
  function busyQueues(count: number, signal: AbortSignal) {
    let end = () => {};
    const running = new Promise<void>((resolve) => {
      end = resolve;
    });
    const queues = Array.from({ length: count }, () => new CallQueue('queue'));
    const settled = Promise.allSettled(
      queues.flatMap((queue) => {
        const first = queue.run(() => running);
        return [first, ...Array.from({ length: 15 }, (_, i) => queue.run(() => i, signal))];
      }),
    );
    return { end, settled };
  }

  it('has one listener, whatever queues they wait in, and none behind them: Node warns of no leak', async () => {
    const warnings: Error[] = [];
    const hear = (warning: Error) => warnings.push(warning);
    process.on('warning', hear);
    const { signal } = new AbortController();
    const { end, settled } = busyQueues(12, signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    end();
    expect((await settled).every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    // Warnings come a turn later.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', hear);
    expect(warnings).toEqual([]);
  });

  it('ends all of them and nothing else', async () => {
    const controller = new AbortController();
    const { end, settled } = busyQueues(2, controller.signal);
    const reason = new Error('enough');
    controller.abort(reason);
    end();
    const outcomes = await settled;
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(outcomes.filter((outcome) => outcome.status === 'rejected' && outcome.reason === reason)).toHaveLength(30);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('calls each listener once, but for those that stopped listening before', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const called: string[] = [];
    const hear = () => called.push('twice');
    const stop = onAbort(signal, () => called.push('stopped'));
    onAbort(signal, hear);
    const stopSecond = onAbort(signal, hear);
    onAbort(undefined, hear)();
    stop();
    stop();
    controller.abort();
    controller.abort();
    stopSecond();
    expect(called).toEqual(['twice', 'twice']);
  });

  it('gets a listener anew where calls wait again', () => {
    const controller = new AbortController();
    const called: number[] = [];
    onAbort(controller.signal, () => called.push(1))();
    const stop = onAbort(controller.signal, () => called.push(2));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort();
    stop();
    expect(called).toEqual([2]);
  });
});
