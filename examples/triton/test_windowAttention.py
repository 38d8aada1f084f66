"""The kernel of windowAttention.py, judged in pytest on a machine with a GPU.

    pip install flash-window-attention
    pytest test_windowAttention.py
"""

import pytest
import torch
from flash_window_attention import WindowAttentionMismatch, assert_window_attention
from windowAttention import forward

SHAPES = [(4, 3, 49, 32), (4, 2, 64, 64), (2, 1, 9, 16), (2, 3, 16, 59)]
vectors = pytest.mark.window_attention_vectors(shapes=SHAPES, seeds=range(3), bias=True, nW=2)


def on_gpu(inputs, dtype):
    return {name: torch.from_numpy(array).to("cuda", dtype) for name, array in inputs.items()}


@vectors
@pytest.mark.parametrize(
    ("dtype", "precision"),
    [(torch.float32, "tf32"), (torch.bfloat16, "bfloat16"), (torch.float16, "float16")],
)
def test_forward(window_attention_vectors, dtype, precision):
    inputs = on_gpu(window_attention_vectors, dtype)
    assert_window_attention(inputs, {"o": forward(**inputs)}, dtype=precision)


@vectors
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda inputs: {"scale": 1.0}, "scale_missing"),
        (lambda inputs: {"bias": torch.zeros_like(inputs["bias"])}, "bias_ignored"),
        (lambda inputs: {"bias": inputs["bias"].mT.contiguous()}, "bias_transposed"),
        (lambda inputs: {"mask": inputs["mask"].flip(0)}, "mask"),
        (lambda inputs: {"k": inputs["v"], "v": inputs["k"]}, "key_value_swapped"),
    ],
)
def test_a_fault_is_named(window_attention_vectors, change, fault):
    inputs = on_gpu(window_attention_vectors, torch.float32)
    with pytest.raises(WindowAttentionMismatch, match=fault):
        assert_window_attention(inputs, {"o": forward(**{**inputs, **change(inputs)})}, dtype="tf32")
