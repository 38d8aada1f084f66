/** A result as JSON, which has no infinities or NaN: they are written as text. */
export function jsonOf(result: unknown): string {
  return JSON.stringify(result, replaceNonFinite, 2);
}

function replaceNonFinite(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
