import type { Geometry, ImageContext, ImageFault, Placed } from '../imageFault.js';

/** Tensors that a fault of geometry may have reached. */
export interface Use {
  readonly kind: 'all' | 'read' | 'stored' | 'some';
  /** Completes "… of". */
  readonly text: string;
  readonly of: readonly Placed[];
}

const READ: Use = { kind: 'read', text: 'q, k and v', of: ['q', 'k', 'v'] };
const SOME: readonly Use[] = [
  { kind: 'some', text: 'k and v', of: ['k', 'v'] },
  { kind: 'some', text: 'q', of: ['q'] },
  { kind: 'some', text: 'k', of: ['k'] },
  { kind: 'some', text: 'v', of: ['v'] },
];

/** Which tensors are cut into windows, or put together, by the same wrong geometry; `isBrief` leaves the rare ones out. */
export function uses({ output }: ImageContext, isBrief = false): readonly Use[] {
  if (output === 'o') {
    const common: Use[] = [
      { kind: 'all', text: 'the inputs and the output', of: ['q', 'k', 'v', 'o'] },
      { kind: 'stored', text: 'the output', of: ['o'] },
      READ,
    ];
    return isBrief ? common : [...common, { kind: 'some', text: 'q and the output', of: ['q', 'o'] }, ...SOME];
  }
  const common: Use[] = [
    { kind: 'all', text: 'the inputs, dO and the gradients', of: ['q', 'k', 'v', 'dO', 'dQ', 'dK', 'dV'] },
    { kind: 'read', text: 'dO', of: ['dO'] },
    { kind: 'stored', text: 'dQkv', of: ['dQ', 'dK', 'dV'] },
    READ,
    { kind: 'read', text: 'q, k, v and dO', of: ['q', 'k', 'v', 'dO'] },
    { kind: 'all', text: 'q, k, v and their gradients', of: ['q', 'k', 'v', 'dQ', 'dK', 'dV'] },
  ];
  const some: Use[] = (['dQ', 'dK', 'dV'] as const).map((name) => ({ kind: 'some', text: name, of: [name] }));
  return isBrief ? common : [...common, ...some, ...SOME];
}

export function used(use: Use, geometry: Geometry): ImageFault {
  return { places: Object.fromEntries(use.of.map((name) => [name, geometry])) };
}
