"""Upstream models with made-up weights, shared by upstreamReal.py and upstreamRandom.py.

A tensor's elements follow from its name and shape, so that scripts/madeUpWeights.mjs makes the same bits:
element i is centre + scale * u, u = k / 2**23 - 1 in [-1, 1) with k the upper 24 bits of
murmur3's finaliser of (FNV-1a of the name + i * 0x9E3779B9) mod 2**32, in double precision, rounded to float32.
"""
import numpy as np
import torch

# torchvision's wheel may be for CUDA, torch for the CPU alone; its models need none of its operators.
_library = torch.library.Library("torchvision", "FRAGMENT")
for _name in ("nms", "qnms"):
    try:
        _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        pass

BUFFERS = ("relative_position_index", "relative_coords_table", "attn_mask", "k_bias")


def made_up(name, shape, centre, scale):
    state = 0x811C9DC5
    for byte in name.encode():
        state = ((state ^ byte) * 0x01000193) & 0xFFFFFFFF
    x = (np.arange(int(np.prod(shape)), dtype=np.uint64) * 0x9E3779B9 + state) & 0xFFFFFFFF
    x = x.astype(np.uint32)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    u = (x >> np.uint32(8)).astype(np.float64) / 2**23 - 1
    return (centre + scale * u).astype(np.float32).reshape(shape)


def centre_and_scale(name, shape):
    """Matrices keep the size of what they are given; norms, biases and tables differ from channel to channel."""
    if name.endswith("logit_scale"):
        return 2.0, 0.5
    if name.endswith("relative_position_bias_table"):
        return 0.0, 1.0
    if len(shape) == 1:
        return (1.0 if name.endswith("weight") else 0.0), 0.25
    return 0.0, (3 / np.prod(shape[1:])) ** 0.5


def fill(model):
    """Sets every parameter; returns the shapes by name."""
    shapes = {}
    tensors = {}
    for name, tensor in model.state_dict().items():
        if name.endswith(BUFFERS):
            continue
        shapes[name] = list(tensor.shape)
        values = made_up(name, tensor.shape, *centre_and_scale(name, tensor.shape))
        tensors[name] = torch.from_numpy(values).double()
    model.double().eval()
    model.load_state_dict(tensors, strict=False)
    return shapes


def sample(values, count=1000):
    """At most `count` elements, spread evenly, and the largest of all, by which errors are measured."""
    flat = values.reshape(-1)
    step = max(1, flat.size // count)
    return np.ascontiguousarray(flat[::step][:count]), np.array([np.abs(flat).max()])
