"""A kernel to be judged: window attention in NumPy."""

import numpy as np


def window_attention(inputs, scale=None):
    q, k, v = (np.asarray(inputs[name]) for name in "qkv")
    scale = np.float32(scale or q.shape[-1] ** -0.5)
    s = scale * (q @ k.swapaxes(-1, -2))
    if "bias" in inputs:
        s = s + inputs["bias"]
    if "mask" in inputs:
        mask = inputs["mask"]
        s = s + np.tile(mask, (len(q) // len(mask), 1, 1))[:, None]
    highest = s.max(axis=-1, keepdims=True)
    e = np.exp(s - highest)
    total = e.sum(axis=-1, keepdims=True)
    return {"o": e / total @ v, "lse": (highest + np.log(total))[..., 0]}
