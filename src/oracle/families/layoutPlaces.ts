import type { Axes, Place } from '../place.js';

const LEGEND = ['B', 'H', 'L', 'D'];

/** Memory that is laid out with its axes in another order. */
export function layoutPlaces({ B, H, L, D }: Axes): Place[] {
  const sizes = [B, H, L, D] as const;
  const seen = new Set<string>([signature([0, 1, 2, 3], sizes)]);
  return permutations([0, 1, 2, 3]).flatMap((order): Place[] => {
    // Axes of size 1 make orders alike.
    const key = signature(order, sizes);
    if (seen.has(key)) return [];
    seen.add(key);
    const strides = [0, 0, 0, 0];
    let stride = 1;
    for (const axis of [...order].reverse()) {
      strides[axis] = stride;
      stride *= sizes[axis] as number;
    }
    const [sb, sh, si, sd] = strides as [number, number, number, number];
    const name = order
      .filter((axis) => (sizes[axis] as number) > 1)
      .map((axis) => LEGEND[axis])
      .join(', ');
    return [
      {
        name: `layout_${order.map((axis) => LEGEND[axis]).join('')}`,
        text: `as if it were laid out [${name}]`,
        at: (b, h, i, d) => b * sb + h * sh + i * si + d * sd,
      },
    ];
  });
}

function signature(order: readonly number[], sizes: readonly number[]): string {
  return order.filter((axis) => (sizes[axis] as number) > 1).join();
}

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));
}
