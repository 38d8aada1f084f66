// What the service must answer, the same in every runtime. The truth comes from the package's own build in this process.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { Validator } from '@seriousme/openapi-schema-validator';
import { decodeImage } from '../../build/image/index.js';
import { windowAttention } from '../../build/reference/index.js';
import { readSafetensors, writeSafetensors } from '../../build/safetensors/index.js';
import { SwinForImageClassification } from '../../build/swin/index.js';

const file = (path) => new Uint8Array(readFileSync(new URL(`../../${path}`, import.meta.url)));
const png = file('examples/images/chelsea.png');
const IMAGES = [
  ['image/png', png],
  ['image/jpeg', file('test/golden/images/files/jpeg-420.jpg')],
  ['image/webp', file('demo/public/samples/astronaut.webp')],
];
const SAFETENSORS = 'application/vnd.safetensors';
/** Eight bytes of length and a header that lies about what follows. */
const lyingHeader = (header, length = header.length) => {
  const bytes = new Uint8Array(8 + header.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(new TextEncoder().encode(header), 8);
  return bytes;
};

/** `takesBursts`: whether what stands before the service hands on 150 requests at once. */
export async function checkService(url, { takesBursts }) {
  const post = (path, type, body) =>
    fetch(url + path, { method: 'POST', body, headers: type === undefined ? {} : { 'content-type': type } });
  await classifies(post);
  await embeds(post);
  await attends(post);
  await refuses(post, url);
  if (takesBursts) await limitsBursts(post);
  await describesItself(url);
  await hearsOfClientsThatLeave(post, url);
}

const model = await SwinForImageClassification.fromPretrained('models/swin-cifar10');

async function classifies(post) {
  for (const [type, bytes] of IMAGES) {
    const expected = await model.classify(await decodeImage(bytes), { topK: 3, square: true });
    assertClose(await answerOf(await post('/classify?topK=3&square=true', type, bytes)), expected);
  }
  const { data, width, height } = await decodeImage(png);
  const expected = await model.classify({ data, width, height });
  const raw = await post(`/classify?width=${width}&height=${height}`, 'application/octet-stream', data);
  assertClose(await answerOf(raw), expected);
}

async function embeds(post) {
  const { poolerOutput } = await model.forward(model.preprocess(await decodeImage(png)));
  const response = await post('/embed', 'image/png', png);
  assert.equal(response.status, 200);
  const { dims, data } = await response.json();
  assert.deepEqual(dims, [1, 256]);
  // Plain SIMD gives the same bits in every runtime.
  assert.deepEqual(Float32Array.from(data), poolerOutput.data);
}

async function attends(post) {
  const tensor = (dims, seed) => ({
    data: Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => Math.sin(seed * (i + 1))),
    dims,
  });
  const args = {
    q: tensor([8, 3, 49, 32], 1.1),
    k: tensor([8, 3, 49, 32], 1.7),
    v: tensor([8, 3, 49, 32], 2.3),
    bias: tensor([3, 49, 49], 0.7),
    mask: tensor([4, 49, 49], 0.3),
  };
  const response = await post('/attention?lse=true&scale=0.25', SAFETENSORS, writeSafetensors(args));
  assert.equal(response.status, 200, await response.clone().text());
  const { o, lse } = readSafetensors(new Uint8Array(await response.arrayBuffer())).tensors;
  const expected = windowAttention({ ...args, scale: 0.25 });
  for (const [actual, truth] of [
    [o, expected.o],
    [lse, expected.lse],
  ]) {
    assert.deepEqual(actual.dims, truth.dims);
    const error = truth.data.reduce((max, value, i) => Math.max(max, Math.abs(value - actual.data[i])), 0);
    assert.ok(error < 1e-5, `error ${error}`);
  }
}

async function refuses(post, url) {
  const bomb = png.slice();
  // 60,000 × 60,000 pixels by its header; its checksum then is wrong too.
  new DataView(bomb.buffer).setUint32(16, 60_000);
  new DataView(bomb.buffer).setUint32(20, 60_000);
  const q = { data: new Float32Array(2), dims: [1, 1, 2, 1] };
  const long = { data: new Float32Array(100_000), dims: [1, 1, 100_000, 1] };
  const wrong = [
    [413, '/classify', 'image/png', new Uint8Array(9 * 2 ** 20)],
    [415, '/classify', 'image/gif', png],
    [415, '/classify', undefined, png],
    [415, '/attention', 'application/json', '{}'],
    [422, '/classify?topK=0', 'image/png', png],
    [422, '/classify?topK=a', 'image/png', png],
    [422, '/classify?topk=1', 'image/png', png],
    [422, '/classify', 'image/png', png.subarray(0, png.length / 2)],
    [422, '/classify', 'image/png', bomb],
    [422, '/embed', 'image/jpeg', new Uint8Array(0)],
    [422, '/classify?width=3&height=3', 'application/octet-stream', new Uint8Array(10)],
    [422, '/classify', 'application/octet-stream', new Uint8Array(12)],
    [422, '/classify?width=3', 'image/png', png],
    [422, '/attention?scale=', SAFETENSORS, lyingHeader('{}')],
    [422, '/attention', SAFETENSORS, lyingHeader('{}', 2 ** 40)],
    [422, '/attention', SAFETENSORS, lyingHeader('{"q":{"dtype":"F32","shape":[1,1,1,1],"data_offsets":[0,4000000]}}')],
    [422, '/attention', SAFETENSORS, lyingHeader(`{${' '.repeat(70_000)}}`)],
    [422, '/attention', SAFETENSORS, writeSafetensors({ q })],
    [422, '/attention', SAFETENSORS, writeSafetensors({ q, k: q, v: q, dO: q })],
    [422, '/attention', SAFETENSORS, writeSafetensors({ q: long, k: long, v: long })],
  ];
  for (const [status, path, type, body] of wrong) {
    const response = await post(path, type, body);
    const text = await response.text();
    const what = `${path} ${type} of ${body.length} bytes: ${text}`;
    assert.equal(response.status, status, what);
    assert.equal(response.headers.get('content-type'), 'application/problem+json', what);
    const problem = JSON.parse(text);
    assert.equal(problem.status, status);
    assert.ok(problem.title && problem.detail, what);
  }
  const missing = await fetch(`${url}/nothing`);
  assert.equal(missing.status, 404);
  assert.equal((await missing.json()).instance, '/nothing');
  const put = await fetch(`${url}/classify`, { method: 'PUT', body: png });
  assert.deepEqual([put.status, put.headers.get('allow'), (await put.json()).status], [405, 'POST', 405]);
  const headers = { 'content-type': 'image/png', 'content-encoding': 'gzip' };
  const compressed = await fetch(`${url}/classify`, { method: 'POST', headers, body: gzipSync(png) });
  assert.deepEqual([compressed.status, (await compressed.json()).status], [415, 415]);
}

async function limitsBursts(post) {
  const many = await Promise.all(Array.from({ length: 150 }, () => post('/classify', 'image/png', png)));
  for (const response of many) {
    const text = await response.text();
    assert.ok([200, 429].includes(response.status), `${response.status}: ${text}`);
  }
  const refused = many.find(({ status }) => status === 429);
  if (refused) assert.equal(refused.headers.get('retry-after'), '1');
}

async function describesItself(url) {
  const health = await fetch(`${url}/healthz`);
  assert.deepEqual(await health.json(), { status: 'ok', labels: 10 });
  const specification = await (await fetch(`${url}/openapi.json`)).json();
  const { valid, errors } = await new Validator().validate(specification);
  assert.ok(valid, JSON.stringify(errors));
  assert.deepEqual(Object.keys(specification.paths).sort(), [
    '/attention',
    '/classify',
    '/embed',
    '/healthz',
    '/metrics',
  ]);
  for (const status of ['200', '413', '415', '422', '429']) {
    assert.ok(specification.paths['/classify'].post.responses[status], status);
  }
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const value = (line) =>
    Number(
      metrics
        .split('\n')
        .find((own) => own.startsWith(`${line} `))
        ?.split(' ')
        .at(-1),
    );
  assert.ok(value('http_requests_total{path="/classify",status="200"}') >= 4, metrics);
  assert.ok(value('http_requests_total{path="/classify",status="415"}') >= 2, metrics);
  assert.ok(value('http_request_duration_seconds_count{path="/attention"}') >= 6, metrics);
  assert.match(metrics, /swin_model_info\{model="swin-cifar10",runtime="[^"]+"\} 1/);
}

/** A client that leaves within its body, and one that leaves while its call runs: the service goes on. */
async function hearsOfClientsThatLeave(post, url) {
  const begun = httpRequest(`${url}/classify`, {
    method: 'POST',
    headers: { 'content-type': 'image/png', 'content-length': png.length },
  });
  begun.on('error', () => {});
  begun.write(png.subarray(0, 1000));
  await new Promise((resolve) => setTimeout(resolve, 100));
  begun.destroy();
  const tensor = { data: new Float32Array(60 * 8 * 64 * 16).fill(0.1), dims: [60, 8, 64, 16] };
  const body = writeSafetensors({ q: tensor, k: tensor, v: tensor });
  const leaves = fetch(`${url}/attention`, {
    method: 'POST',
    body,
    headers: { 'content-type': SAFETENSORS },
    signal: AbortSignal.timeout(60),
  });
  await leaves.then((response) => response.arrayBuffer()).catch(() => {});
  const after = await post('/classify?square=true', 'image/png', png);
  assert.equal((await after.json()).labels[0].label, 'cat');
}

async function answerOf(response) {
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()).labels;
}

/** Exponentials of the softmax are the runtime's own. */
function assertClose(labels, expected) {
  assert.deepEqual(
    labels.map(({ label }) => label),
    expected.map(({ label }) => label),
  );
  labels.forEach(({ score }, i) => {
    assert.ok(Math.abs(score - expected[i].score) < 1e-6, `${score} is not ${expected[i].score}`);
  });
}
