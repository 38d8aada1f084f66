import { createSwinPool } from 'flash-window-attention/pool';

export const runtime = 'nodejs';
let pool;

/** A PNG, JPEG or WebP file in, its likeliest labels out. */
export async function POST(request) {
  try {
    // Started by the first request and kept; one that could not start is tried again.
    pool ??= createSwinPool().catch((error) => {
      pool = undefined;
      throw error;
    });
    const bytes = await request.arrayBuffer();
    const labels = await (await pool).classify(bytes, { topK: 3, square: true, signal: request.signal });
    return Response.json({ labels });
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    return Response.json({ error: error.message }, { status: 422 });
  }
}
