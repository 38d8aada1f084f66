"""The kernel that samples of the pages import: window attention in NumPy."""

import numpy as np


def my_kernel(q, k, v, bias, mask):
    tiled = np.tile(mask, (len(q) // len(mask), 1, 1))[:, None]
    scores = q.shape[3] ** -0.5 * q @ k.swapaxes(2, 3) + bias + tiled
    exponentials = np.exp(scores - scores.max(axis=3, keepdims=True))
    return (exponentials / exponentials.sum(axis=3, keepdims=True)) @ v
