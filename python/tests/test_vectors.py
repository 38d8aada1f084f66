"""Vectors are the command line's, bit by bit."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from flash_window_attention import vectors
from flash_window_attention.node import find_node

CLI = Path(__file__).parents[2] / "build/cli/main.js"


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ([], {}),
        (["--bias", "--mask", "2", "--backward", "--seed", "7"], {"bias": True, "nW": 2, "backward": True, "seed": 7}),
        (["--kind", "adversarial", "--cosine", "--dtype", "float16"],
         {"kind": "adversarial", "cosine": True, "dtype": "float16"}),
    ],
)  # fmt: skip
def test_vectors(tmp_path, flags, options):
    file = tmp_path / "vectors.npz"
    subprocess.run(
        [find_node(), CLI, "vectors", "-o", file, "--shape", "4,2,9,8", *flags], check=True, capture_output=True
    )
    made = vectors((4, 2, 9, 8), **options)
    with np.load(file) as expected:
        assert set(made) == set(expected) - {"scale"}
        for name, tensor in made.items():
            assert tensor.dtype == expected[name].dtype and tensor.flags.writeable
            np.testing.assert_array_equal(tensor, expected[name])


def test_bfloat16_comes_as_float32():
    q = vectors((1, 1, 4, 4), dtype="bfloat16")["q"]
    assert q.dtype == np.float32 and not (q.view(np.uint32) & 0xFFFF).any()


@pytest.mark.parametrize(
    ("shape", "options", "error"),
    [
        ((1, 2, 3), {}, TypeError),
        ((1, 1, 0, 1), {}, ValueError),
        ((3, 1, 1, 1), {"nW": 2}, ValueError),
        ((1, 1, 1, 1), {"kind": "odd"}, TypeError),
    ],
)
def test_what_is_refused(shape, options, error):
    with pytest.raises(error):
        vectors(shape, **options)
