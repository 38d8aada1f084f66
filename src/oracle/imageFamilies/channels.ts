import type { ImageContext, ImageFault, ImageVariant } from '../imageFault.js';
import { inverted, orders, permuted } from '../imageLayout.js';

type Channel = (part: number, h: number, d: number) => number;

const AXES = ['3', 'heads', 'features'];
const PARTS = ['q', 'k', 'v'];

/** Channels of qkv, of the output or of dQkv in another order. */
export function channels(context: ImageContext): ImageVariant[] {
  const { problem, output } = context;
  const { H, D, C } = problem;
  const variants: ImageVariant[] = [];
  const tableOf = (of: Channel, parts = 3) =>
    Int32Array.from({ length: parts * C }, (_, at) => of(Math.floor(at / C), Math.floor(at / D) % H, at % D));
  const right: Channel = (part, h, d) => (part * H + h) * D + d;
  const add = (name: string, explanation: string, fault: ImageFault) => {
    const isRight = Object.values(fault).every((table) => (table as Int32Array).every((to, at) => to === at));
    if (!isRight) variants.push({ name, explanation, fault });
  };
  const inputs = (name: string, text: string, of: Channel) => {
    const table = tableOf(of);
    if (output === 'dQkv') add(name, `${text}, in qkv and dQkv`, { channels: table, gradientChannels: table });
    if (output === 'dQkv') add(name, `${text}, in dQkv`, { gradientChannels: table });
    add(name, `${text}, in qkv`, { channels: table });
  };
  const inOutput = output === 'o' ? 'the output' : 'dO';
  for (const letters of combinations()) {
    if (letters.join('') === 'qkv') continue;
    const from = letters.map((letter) => PARTS.indexOf(letter));
    const text = `the thirds of the channels are read as ${letters.join('|')}`;
    const table = tableOf((part, h, d) => right(from[part] as number, h, d));
    const name = `qkv_order_${letters.join('')}`;
    // Every third has to be stored somewhere.
    if (new Set(letters).size === 3) {
      if (output === 'dQkv') {
        add(name, `${text}, and written so in dQkv`, { channels: table, gradientChannels: table });
        add(name, `the thirds of dQkv are written as ${letters.join('|')}`, { gradientChannels: table });
      }
    }
    add(name, text, { channels: table });
  }
  const merged = (order: readonly number[]) => inverted(permuted([H, D], order));
  const interleaved = merged([1, 0]);
  const [back] = [permuted([H, D], [1, 0])];
  for (const order of orders(3)) {
    if (order.join() === '0,1,2') continue;
    // Channels laid out by the axes in this order.
    const sizes = [3, H, D];
    const strides = [0, 0, 0];
    let stride = 1;
    for (const axis of [...order].reverse()) {
      strides[axis] = stride;
      stride *= sizes[axis] as number;
    }
    const [ofPart, ofHead, ofFeature] = strides as [number, number, number];
    const of: Channel = (part, h, d) => part * ofPart + h * ofHead + d * ofFeature;
    const words = `[${order.map((axis) => AXES[axis]).join(', ')}]`;
    const name =
      order.join() === '0,2,1' ? 'heads_interleaved' : order[0] === 1 ? 'channels_by_head' : 'channels_by_feature';
    const text = `channels are ordered as ${words} in place of [3, heads, features]`;
    const table = tableOf(of);
    if (output === 'dQkv')
      add(name, `${text}, in qkv, dO and dQkv`, {
        channels: table,
        outputChannels: interleaved,
        gradientChannels: table,
      });
    else
      add(name, `${text}, and those of the output as [features, heads]`, {
        channels: table,
        outputChannels: interleaved,
      });
    inputs(name, text, of);
  }
  for (const [table, text] of [
    [interleaved, `channels of ${inOutput} are ordered as [features, heads] in place of [heads, features]`],
    [back, `channels of ${inOutput} are viewed as [features, heads] and transposed`],
  ] as const) {
    add('heads_interleaved', text, { outputChannels: table });
  }
  const heads = (name: string, text: string, of: (h: number) => number) => {
    const out = tableOf((_, h, d) => of(h) * D + d, 1);
    const all: Channel = (part, h, d) => right(part, of(h), d);
    add(name, `${text}, in qkv and ${inOutput}`, {
      channels: tableOf(all),
      outputChannels: out,
      ...(output === 'dQkv' && { gradientChannels: tableOf(all) }),
    });
    inputs(name, text, all);
    add(name, `${text}, in ${inOutput}`, { outputChannels: out });
    for (const [part, letter] of PARTS.entries()) {
      const one: Channel = (p, h, d) => right(p, p === part ? of(h) : h, d);
      const others: Channel = (p, h, d) => right(p, p === part ? h : of(h), d);
      add(name, `${text}, in ${letter}`, { channels: tableOf(one) });
      add(name, `${text}, but in ${letter}`, { channels: tableOf(others) });
      if (output === 'dQkv') add(name, `${text}, in d${letter.toUpperCase()}`, { gradientChannels: tableOf(one) });
    }
  };
  heads('heads_reversed', 'the heads are reversed', (h) => H - 1 - h);
  heads('heads_exchanged', 'heads are taken for the next', (h) => (h + 1) % H);
  heads('heads_exchanged', 'heads are taken for the one before', (h) => (h + H - 1) % H);
  heads('heads_exchanged', 'neighbouring heads are exchanged', (h) => Math.min(H - 1, h ^ 1));
  heads('first_head_for_all', 'the first head stands for all', () => 0);
  heads('last_head_for_all', 'the last head stands for all', () => H - 1);
  const features = (name: string, text: string, of: (d: number) => number) => {
    const out = tableOf((_, h, d) => h * D + of(d), 1);
    inputs(name, text, (part, h, d) => right(part, h, of(d)));
    add(name, `${text}, in ${inOutput}`, { outputChannels: out });
    for (const [part, letter] of PARTS.entries()) {
      const one: Channel = (p, h, d) => right(p, h, p === part ? of(d) : d);
      add(name, `${text}, in ${letter}`, { channels: tableOf(one) });
    }
  };
  features('features_reversed', 'the features of a head are reversed', (d) => D - 1 - d);
  features('features_rotated', 'the features of a head begin at the second half', (d) => (d + (D >> 1)) % D);
  features('features_rotated', 'the features of a head are one off', (d) => (d + 1) % D);
  features('features_rotated', 'the features of a head are one off the other way', (d) => (d + D - 1) % D);
  if (D % 2 === 0) {
    features(
      'features_interleaved',
      'the features of a head alternate between its halves',
      (d) => (d % 2) * (D >> 1) + (d >> 1),
    );
    features('features_interleaved', 'even features of a head come before odd ones', (d) =>
      d < D >> 1 ? 2 * d : 2 * d - D + 1,
    );
  }
  return variants;
}

/** Heads and tokens of a window not exchanged by a transpose, but viewed anew. */
export function reshapes({ problem, output }: ImageContext): ImageVariant[] {
  const { H, L } = problem;
  if (H === 1) return [];
  const explanation = 'q, k and v of a window are viewed as [3, heads, tokens, features] without a permute';
  const readRows = (part: number, h: number, l: number) => (part * H + h) * L + l;
  const within = 'q, k and v of a window are viewed as [heads, tokens, features] without a transpose';
  const inPart = (part: number, h: number, l: number) => {
    const row = h * L + l;
    return Math.floor(row / H) * 3 * H + part * H + (row % H);
  };
  const inputs: ImageVariant[] = [
    { name: 'heads_not_transposed', explanation, fault: { readRows } },
    { name: 'heads_not_transposed', explanation: within, fault: { readRows: inPart } },
  ];
  if (output !== 'o') return inputs;
  const storedRows = (h: number, l: number) => l * H + h;
  const viewed = 'the output of a window is viewed as [tokens, heads, features] without a transpose';
  const transposed = 'the output of a window is transposed where it need not be';
  return [
    { name: 'heads_not_transposed_back', explanation: viewed, fault: { storedRows } },
    {
      name: 'heads_not_transposed',
      explanation: `${within}, and so is the output`,
      fault: { readRows: inPart, storedRows },
    },
    {
      name: 'heads_transposed_twice',
      explanation: transposed,
      fault: {
        storedRows: (h, l) => {
          const row = h * L + l;
          return (row % H) * L + Math.floor(row / H);
        },
      },
    },
  ];
}

function combinations(): string[][] {
  const all = PARTS.flatMap((a) => PARTS.flatMap((b) => PARTS.map((c) => [a, b, c])));
  return all.sort((a, b) => new Set(b).size - new Set(a).size);
}
