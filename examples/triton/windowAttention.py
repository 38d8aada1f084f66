"""Window attention in Triton, checked by flash-window-attention.

    npx flash-window-attention vectors -o vectors.npz --shape 64,3,49,32 --bias --mask 16
    python windowAttention.py vectors.npz outputs.npz
    npx flash-window-attention check vectors.npz outputs.npz --dtype tf32
"""

import sys

import numpy as np
import torch
import triton
import triton.language as tl


@triton.jit
def window_attention(q, k, v, bias, mask, o, scale, H, L, nW, D: tl.constexpr, BLOCK: tl.constexpr, CHUNK: tl.constexpr):
    """One window and head: S stays on chip, Q and K come in chunks of the feature dimension."""
    window = tl.program_id(0)
    b, h = window // H, window % H
    rows = tl.arange(0, BLOCK)
    inside = rows < L
    s = tl.zeros((BLOCK, BLOCK), tl.float32)
    for first in range(0, D, CHUNK):
        columns = first + tl.arange(0, CHUNK)
        at = window * L * D + rows[:, None] * D + columns[None, :]
        here = inside[:, None] & (columns[None, :] < D)
        qc = tl.load(q + at, mask=here, other=0.0)
        kc = tl.load(k + at, mask=here, other=0.0)
        s = tl.dot(qc, tl.trans(kc), acc=s)
    pair = rows[:, None] * L + rows[None, :]
    both = inside[:, None] & inside[None, :]
    s = s * scale + tl.load(bias + h * L * L + pair, mask=both, other=0.0)
    s += tl.load(mask + (b % nW) * L * L + pair, mask=both, other=0.0)
    s = tl.where(inside[None, :], s, float("-inf"))
    e = tl.exp(s - tl.max(s, axis=1)[:, None])
    p = e / tl.sum(e, axis=1)[:, None]
    for first in range(0, D, CHUNK):
        columns = first + tl.arange(0, CHUNK)
        at = window * L * D + rows[:, None] * D + columns[None, :]
        here = inside[:, None] & (columns[None, :] < D)
        vc = tl.load(v + at, mask=here, other=0.0)
        tl.store(o + at, tl.dot(p.to(vc.dtype), vc), mask=here)


def forward(q, k, v, bias, mask, scale=None):
    """o [B, H, L, D] of q, k, v [B, H, L, D], bias [H, L, L] and mask [nW, L, L], all of one type on the GPU."""
    B, H, L, D = q.shape
    o = torch.empty_like(q)
    block = max(16, triton.next_power_of_2(L))
    scale = D**-0.5 if scale is None else scale
    window_attention[(B * H,)](q, k, v, bias, mask, o, scale, H, L, mask.shape[0], D, block, 16)
    return o


def main(vectors: str, outputs: str) -> None:
    case = np.load(vectors)
    tensors = (torch.from_numpy(case[name]).cuda() for name in ("q", "k", "v", "bias", "mask"))
    np.savez(outputs, o=forward(*tensors, scale=float(case["scale"])).cpu().numpy())


if __name__ == "__main__":
    main(*sys.argv[1:])
