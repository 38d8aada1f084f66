"""A second Triton kernel of window attention, tiled over keys with online softmax, and faults that such kernels have.

    npx flash-window-attention vectors -o vectors.npz --shape 8,3,49,32 --bias --mask 4
    python tiledWindowAttention.py vectors.npz outputs.npz        # o and lse, right
    python tiledWindowAttention.py vectors.npz faults --all       # a file for every fault: faults/<fault>.npz
"""

import pathlib
import sys

import numpy as np
import torch
import triton
import triton.language as tl

FAULTS = [
    "right",
    "last_tile_dropped",  # 1
    "accumulator_not_rescaled",
    "sum_not_rescaled",
    "max_of_last_tile_alone",
    "tile_of_keys_repeated",
    "values_of_next_tile",
    "bias_of_first_tile",
    "mask_of_first_tile",
    "bias_in_first_tile_alone",
    "mask_in_first_tile_alone",
    "padding_keys_as_zero_scores",
    "scale_after_bias",
    "exp2_without_log2e",
    "lse_in_base_2",
    "lse_without_max",
    "heads_reversed",
    "window_as_head",
    "rows_shifted_by_one",
    "query_tile_stale",
    "last_rows_not_stored",
    "half_of_features_dropped",
    "features_swapped_in_halves",
    "mask_by_window_count_of_heads",
    "probabilities_in_bfloat16",
    "normalised_per_tile",
    "bias_subtracted",
    "mask_multiplied",
    "values_by_queries",
    "softmax_without_max_in_float16",
]


@triton.jit
def tiled(q, k, v, bias, mask, o, lse, scale, H, L, nW, D: tl.constexpr, BQ: tl.constexpr, BK: tl.constexpr, F: tl.constexpr):
    """One tile of queries of one window and head; keys come in tiles of BK."""
    window, tile = tl.program_id(0), tl.program_id(1)
    b, h = window // H, window % H
    if F == 16:
        h = H - 1 - h
    bias_head = b % H if F == 17 else window % H
    rows = tile * BQ + tl.arange(0, BQ)
    columns = tl.arange(0, D)
    source_rows = rows
    if F == 18:
        source_rows = tl.where(rows + 1 < L, rows + 1, rows)
    if F == 19:
        source_rows = rows % BQ
    base = (b * H + h) * L * D
    qt = tl.load(q + base + source_rows[:, None] * D + columns[None, :], mask=rows[:, None] < L, other=0.0)
    if F == 21:
        qt = tl.where(columns[None, :] < D // 2, qt, 0.0)
    mask_window = (window % nW) if F == 23 else (b % nW)
    m = tl.full((BQ,), float("-inf"), tl.float32)
    total = tl.zeros((BQ,), tl.float32)
    acc = tl.zeros((BQ, D), tl.float32)
    tiles = tl.cdiv(L, BK)
    if F == 1:
        tiles = tiles - 1
    for j in range(0, tiles):
        keys = j * BK + tl.arange(0, BK)
        key_rows = keys
        if F == 5:
            key_rows = tl.where(keys >= 2 * BK, keys - BK, keys)
        kt = tl.load(k + base + key_rows[:, None] * D + columns[None, :], mask=keys[:, None] < L, other=0.0)
        s = tl.dot(qt, tl.trans(kt))
        bias_keys = keys % BK if F == 7 else keys
        mask_keys = keys % BK if F == 8 else keys
        inside = (rows[:, None] < L) & (keys[None, :] < L)
        bt = tl.load(bias + bias_head * L * L + rows[:, None] * L + bias_keys[None, :], mask=inside, other=0.0)
        mt = tl.load(mask + mask_window * L * L + rows[:, None] * L + mask_keys[None, :], mask=inside, other=0.0)
        if F == 9:
            bt = tl.where(j == 0, bt, 0.0)
        if F == 10:
            mt = tl.where(j == 0, mt, 0.0)
        if F == 26:
            bt = -bt
        if F == 12:
            s = (s + bt) * scale + mt
        elif F == 27:
            s = (s * scale + bt) * (1.0 + mt * 0.01)
        else:
            s = s * scale + bt + mt
        if F == 11:
            s = tl.where(keys[None, :] < L, s, 0.0)
        else:
            s = tl.where(keys[None, :] < L, s, float("-inf"))
        tile_max = tl.max(s, axis=1)
        m_new = tile_max if F == 4 else tl.maximum(m, tile_max)
        if F == 29:
            p = tl.exp(s).to(tl.float16).to(tl.float32)
            alpha = tl.full((BQ,), 1.0, tl.float32)
        elif F == 13:
            p = tl.exp2(s - m_new[:, None])
            alpha = tl.exp2(m - m_new)
        else:
            p = tl.exp(s - m_new[:, None])
            alpha = tl.exp(m - m_new)
        if F == 24:
            p = p.to(tl.bfloat16).to(tl.float32)
        value_rows = keys
        if F == 6:
            value_rows = (keys + BK) % L
        source = q if F == 28 else v
        vt = tl.load(source + base + value_rows[:, None] * D + columns[None, :], mask=keys[:, None] < L, other=0.0)
        if F == 25:
            p = p / tl.sum(p, axis=1)[:, None]
        total = (total if F == 3 else total * alpha) + tl.sum(p, axis=1)
        acc = (acc if F == 2 else acc * alpha[:, None]) + tl.dot(p, vt)
        m = m_new
    out = acc / total[:, None]
    out_columns = (columns + D // 2) % D if F == 22 else columns
    stored = rows < (L // BQ * BQ if F == 20 else L)
    own = window * L * D
    tl.store(o + own + rows[:, None] * D + out_columns[None, :], out, mask=stored[:, None])
    log_sum = m + tl.log(total)
    if F == 14:
        log_sum = (m + tl.log(total)) * 1.4426950408889634
    if F == 15:
        log_sum = tl.log(total)
    if F == 29:
        log_sum = tl.log(total)
    tl.store(lse + window * L + rows, log_sum, mask=rows < L)


def forward(q, k, v, bias, mask, scale, fault=0):
    """o [B, H, L, D] and lse [B, H, L], float32."""
    B, H, L, D = q.shape
    o = torch.zeros_like(q)
    lse = torch.zeros((B, H, L), device=q.device)
    grid = (B * H, triton.cdiv(L, 16))
    tiled[grid](q, k, v, bias, mask, o, lse, scale, H, L, mask.shape[0], D, 16, 16, fault)
    return o, lse


def main(vectors: str, outputs: str, every: bool) -> None:
    case = np.load(vectors)
    tensors = [torch.from_numpy(case[name]).cuda() for name in ("q", "k", "v", "bias", "mask")]
    for number, name in enumerate(FAULTS if every else FAULTS[:1]):
        o, lse = forward(*tensors, scale=float(case["scale"]), fault=number)
        target = pathlib.Path(outputs) / f"{name}.npz" if every else pathlib.Path(outputs)
        target.parent.mkdir(parents=True, exist_ok=True)
        np.savez(target, o=o.cpu().numpy(), lse=lse.cpu().numpy())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "--all" in sys.argv[3:])
