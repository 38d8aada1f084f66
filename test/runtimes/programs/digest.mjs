/** Sixteen hexadecimal digits of all the bits of typed arrays. */
export async function digest(arrays) {
  const bytes = new Uint8Array(await new Blob(arrays.map((array) => array.slice())).arrayBuffer());
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
