/** Colours of rising heat, dark to light, that also people with red-green blindness tell apart. Source: matplotlib's inferno. */
const STOPS = [
  [20, 11, 53],
  [87, 16, 110],
  [156, 41, 100],
  [221, 81, 58],
  [252, 165, 10],
  [252, 255, 164],
] as const;

/** The colour of `share`, from 0 to 1. */
export function heat(share: number): string {
  const place = Math.min(1, Math.max(0, share)) * (STOPS.length - 1);
  const low = Math.min(STOPS.length - 2, Math.floor(place));
  const [from, to] = [STOPS[low] as readonly number[], STOPS[low + 1] as readonly number[]];
  const mixed = from.map((value, n) => Math.round(value + (place - low) * ((to[n] as number) - value)));
  return `rgb(${mixed.join(' ')})`;
}
