import { parentPort, workerData } from 'node:worker_threads';
import { type JudgeTask, openTask, type Span } from './judgeTask.js';

/** Answers each stretch of the task that it was started with by what was judged of it. */
const judgedCase = openTask(workerData as JudgeTask);
parentPort?.on('message', ({ first, count }: Span) => {
  parentPort?.postMessage({ first, judged: judgedCase.judge(first, count) });
});
