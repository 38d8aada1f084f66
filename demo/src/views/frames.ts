import type { Block, Steps } from '../protocol.js';

/** Where the tokens are drawn. */
export type Layout = 'image' | 'shifted' | 'windows';

/** One picture of the moving ones. */
export interface Frame {
  readonly title: string;
  readonly text: string;
  readonly layout: Layout;
  /** What is drawn on tokens: their length of v before, of o after. */
  readonly tokens?: 'before' | 'after';
  /** The matrix beside it. */
  readonly matrix?: {
    readonly label: string;
    readonly cells: readonly number[];
    readonly columns: number;
    readonly across: string;
  };
  /** Features that the step reads or writes. */
  readonly features?: { readonly from: number; readonly to: number };
}

/** Algorithm 1 on one window and head, from image to image. */
export function framesOf(block: Block, { L, D, chunks, P, O }: Steps): Frame[] {
  const [shift] = block.shiftSize;
  const S = (cells: readonly number[]) => ({ label: 'S, the scores', cells, columns: L, across: 'key' });
  return [
    {
      title: 'The image',
      text: `${block.height} × ${block.width} tokens come into the block. Brighter ones have a longer value vector.`,
      layout: 'image',
      tokens: 'before',
    },
    ...(shift > 0
      ? [
          {
            title: 'Cyclic shift',
            text: `All tokens move up and left by ${shift}; what leaves the image comes back at the other side.`,
            layout: 'shifted' as const,
          },
        ]
      : []),
    {
      title: 'Partition',
      text: `The image is cut into ${block.tokensOf.length} window${block.tokensOf.length > 1 ? 's' : ''} of ${L} tokens. No copy is made: the kernel reads the tokens where they are.`,
      layout: 'windows',
    },
    ...chunks.map(({ from, to, S: cells }, c) => ({
      title: `Scores, chunk ${c + 1} of ${chunks.length}`,
      text: `${c === 0 ? 'S begins with the position bias and the shift mask. ' : ''}Features ${from} to ${to - 1} of Q and K are loaded, and their products added to S, which never leaves the chip.`,
      layout: 'windows' as const,
      matrix: S(cells),
      features: { from, to },
    })),
    {
      title: 'Softmax',
      text: 'Each row of S becomes probabilities that sum to 1. What the mask parts gets none.',
      layout: 'windows',
      matrix: { label: 'P, the attention', cells: P, columns: L, across: 'key' },
    },
    ...chunks.map(({ from, to }, c) => ({
      title: `Output, chunk ${c + 1} of ${chunks.length}`,
      text: `Features ${from} to ${to - 1} of V are loaded, and P times them is stored.`,
      layout: 'windows' as const,
      matrix: {
        label: 'O, the output',
        cells: O.map((value, at) => (at % D < to ? value : Number.NaN)),
        columns: D,
        across: 'feature',
      },
      features: { from, to },
    })),
    {
      title: 'Reverse',
      text: 'The windows go back to where they came from. Brighter tokens have a longer output.',
      layout: 'image',
      tokens: 'after',
    },
  ];
}
