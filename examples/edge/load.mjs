// node load.mjs [--url http://127.0.0.1:8787] [--seconds 600] [--clients 16] [--bad 100] [--delay MS]: loads a service that
// runs in another process and compares every answer with the package's own. Of each 1,000 requests `bad` are malformed; a
// quarter of the time goes to right requests alone, so that latencies with and without bad ones come from one run. Ends with
// 1 where an answer is wrong or is missing, where the memory that /metrics tells grows, or where it tells of a p99 of the
// event loop's delay above `delay`.
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { parseArgs } from 'node:util';
import { createWindowAttention } from 'flash-window-attention';
import { decodeImage } from 'flash-window-attention/image';
import { readSafetensors, writeSafetensors } from 'flash-window-attention/safetensors';
import { SwinForImageClassification } from 'flash-window-attention/swin';

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8787' },
    seconds: { type: 'string', default: '600' },
    clients: { type: 'string', default: '16' },
    bad: { type: 'string', default: '100' },
    image: { type: 'string' },
    delay: { type: 'string', default: 'Infinity' },
  },
});
const [seconds, clients, bad, maxDelay] = [values.seconds, values.clients, values.bad, values.delay].map(Number);
const SAFETENSORS = 'application/vnd.safetensors';
const MAX_GROWTH = 1.3;

const image = values.image ? new Uint8Array(readFileSync(values.image)) : undefined;
const { right, wrong } = await requests();
const counts = {};
const wrongAnswers = [];
const memory = [];
const watch = setInterval(async () => memory.push(await gauge('process_resident_memory_bytes')), 1000);
const alone = await load(seconds / 4, 0);
const mixed = await load((seconds * 3) / 4, bad / 1000);
clearInterval(watch);

const known = memory.filter((bytes) => bytes > 0);
// Memory settles within the first quarter, which has no bad requests.
const [before, after] = [known.slice(known.length / 4, known.length / 2), known.slice(-known.length / 4)].map(median);
const lag = await Promise.all(['p50', 'p99', 'max'].map((name) => gauge(`nodejs_eventloop_lag_${name}_seconds`)));
const report = {
  seconds,
  clients,
  rightAlone: summary(alone.right),
  rightBesideBad: summary(mixed.right),
  bad: summary(mixed.wrong),
  answers: counts,
  wrongAnswers: wrongAnswers.length,
  memoryMiB: {
    first: mebibytes(known[0]),
    secondQuarter: mebibytes(before),
    end: mebibytes(after),
    max: mebibytes(Math.max(...known)),
  },
  eventLoopDelayMs: { p50: lag[0] * 1e3, p99: lag[1] * 1e3, max: lag[2] * 1e3 },
};
console.log(JSON.stringify(report, undefined, 2));
for (const text of wrongAnswers.slice(0, 10)) console.error(text);
const misses = [
  wrongAnswers.length > 0 && `${wrongAnswers.length} wrong answers`,
  alone.right.length + mixed.right.length === 0 && 'no answer',
  after > before * MAX_GROWTH && `memory grew from ${mebibytes(before)} to ${mebibytes(after)} MiB`,
  report.eventLoopDelayMs.p99 > maxDelay &&
    `event-loop delay of ${report.eventLoopDelayMs.p99} ms, at most ${maxDelay}`,
].filter(Boolean);
for (const miss of misses) console.error(miss);
process.exit(misses.length > 0 ? 1 : 0);

/** Right requests with what they must be answered, and wrong ones with their status. */
async function requests() {
  const attention = await createWindowAttention();
  const model = await SwinForImageClassification.fromPretrained(
    new URL('.', import.meta.resolve('flash-window-attention/models/swin-cifar10/config.json')),
    { attention },
  );
  const pixels = Array.from({ length: 8 }, (_, seed) => ({
    data: Uint8Array.from({ length: 3 * 48 * 40 }, (_, i) => 128 + 127 * Math.sin((i * (seed + 1)) / 97)),
    width: 48,
    height: 40,
  }));
  const right = [];
  const labelled = (expected) => async (response) => isClose((await response.json()).labels, expected);
  for (const own of pixels) {
    right.push({
      path: `/classify?width=${own.width}&height=${own.height}`,
      type: 'application/octet-stream',
      body: own.data,
      isRight: labelled(await model.classify(own)),
    });
  }
  if (image) {
    const decoded = await decodeImage(image);
    const { poolerOutput } = await model.forward(model.preprocess(decoded));
    right.push({ path: '/classify', type: 'image/png', body: image, isRight: labelled(await model.classify(decoded)) });
    right.push({
      path: '/embed',
      type: 'image/png',
      body: image,
      isRight: async (response) => (await response.json()).data.every((value, i) => value === poolerOutput.data[i]),
    });
  }
  const tensor = (seed) => ({
    data: Float32Array.from({ length: 16 * 3 * 49 * 32 }, (_, i) => Math.sin(seed * i)),
    dims: [16, 3, 49, 32],
  });
  const args = { q: tensor(1), k: tensor(2), v: tensor(3) };
  const { o } = await attention.forward(args);
  right.push({
    path: '/attention',
    type: SAFETENSORS,
    body: writeSafetensors(args),
    async isRight(response) {
      const { data } = readSafetensors(new Uint8Array(await response.arrayBuffer())).tensors.o;
      return data.length === o.data.length && data.every((value, i) => value === o.data[i]);
    },
  });
  await model.dispose();
  await attention.dispose();
  const png = image ?? new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0xd, 0xa, 0x1a, 0xa, 0, 0, 0, 13, 73, 72, 68, 82]);
  const bomb = png.slice();
  if (image) new DataView(bomb.buffer).setUint32(16, 60_000);
  const lying = new Uint8Array(64);
  new DataView(lying.buffer).setBigUint64(0, 2n ** 40n, true);
  const wrong = [
    { status: 422, path: '/classify', type: 'image/png', body: png.subarray(0, png.length / 2) },
    { status: 422, path: '/classify', type: 'image/png', body: bomb },
    { status: 422, path: '/embed', type: 'image/jpeg', body: lying },
    { status: 415, path: '/classify', type: 'text/plain', body: png },
    { status: 422, path: '/attention', type: SAFETENSORS, body: lying },
    { status: 413, path: '/attention', type: SAFETENSORS, body: new Uint8Array(9 * 2 ** 20) },
    { send: () => leave(right.at(-1)) },
    { send: () => dawdle(pixels[0].data) },
  ];
  return { right, wrong };
}

/** Requests of all clients until the time is over; latencies in milliseconds. */
async function load(time, share) {
  const latencies = { right: [], wrong: [] };
  const end = performance.now() + time * 1000;
  let sent = 0;
  const client = async () => {
    while (performance.now() < end) {
      const number = sent++;
      const isBad = Math.floor((number + 1) * share) > Math.floor(number * share);
      const start = performance.now();
      if (isBad) await sendWrong(wrong[Math.floor(number * share) % wrong.length]);
      else await sendRight(right[number % right.length]);
      latencies[isBad ? 'wrong' : 'right'].push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return latencies;
}

async function sendRight({ path, type, body, isRight }) {
  try {
    const response = await fetch(values.url + path, { method: 'POST', body, headers: { 'content-type': type } });
    count(`right ${response.status}`);
    if (response.status === 429) await response.arrayBuffer();
    else if (response.status !== 200) wrongAnswers.push(`${path}: ${response.status} ${await response.text()}`);
    else if (!(await isRight(response))) wrongAnswers.push(`${path}: another answer than the package's own`);
  } catch (error) {
    wrongAnswers.push(`${path}: ${error.cause ?? error}`);
  }
}

async function sendWrong({ status, path, type, body, send }) {
  if (send) return send();
  try {
    const response = await fetch(values.url + path, { method: 'POST', body, headers: { 'content-type': type } });
    await response.arrayBuffer();
    count(`bad ${response.status}`);
    if (response.status !== status && response.status !== 429) wrongAnswers.push(`bad ${path}: ${response.status}`);
  } catch (error) {
    // A server may close the connection under a body that it refuses.
    if (status !== 413) wrongAnswers.push(`bad ${path}: ${error.cause ?? error}`);
    else count('bad 413, connection closed');
  }
}

/** A client that leaves while its call runs. */
async function leave({ path, type, body }) {
  const signal = AbortSignal.timeout(5);
  const headers = { 'content-type': type };
  await fetch(values.url + path, { method: 'POST', body, headers, signal })
    .then((response) => response.arrayBuffer())
    .catch(() => {});
  count('client left');
}

/** A body that comes in small parts, and ends before it is whole. */
async function dawdle(bytes) {
  const request = httpRequest(`${values.url}/classify?width=48&height=40`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream', 'content-length': bytes.length },
  });
  request.on('error', () => {});
  for (let i = 0; i < 5; i++) {
    request.write(bytes.subarray(i * 10, i * 10 + 10));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  request.destroy();
  count('slow body');
}

async function gauge(name) {
  const text = await (await fetch(`${values.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? 0);
}

function isClose(labels, expected) {
  return labels.every(
    ({ label, score }, i) => label === expected[i].label && Math.abs(score - expected[i].score) < 1e-6,
  );
}

function count(what) {
  counts[what] = (counts[what] ?? 0) + 1;
}

function summary(latencies) {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share) => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1));
  return { requests: sorted.length, p50: at(0.5), p99: at(0.99) };
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function mebibytes(bytes) {
  return Math.round(bytes / 2 ** 20);
}
