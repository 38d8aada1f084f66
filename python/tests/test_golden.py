"""The same verdicts as TypeScript's, figure by figure, on every case of the golden files."""

import gzip
import json
import math
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest

from flash_window_attention import check
from flash_window_attention.node import find_node
from flash_window_attention.safetensors import load

TESTS = Path(__file__).parent
GOLDEN = TESTS.parents[1] / "test/golden"


@lru_cache(maxsize=1)
def tensors_of(path):
    data = Path(path).read_bytes()
    return load(gzip.decompress(data) if path.endswith(".gz") else data)[0]


@pytest.mark.parametrize(
    ("file", "calls"),
    [
        ("core", 21),
        ("cosine", 6),
        ("triton", 12),
        ("faults", 10),
        ("cosineFaults", 18),
        ("mutants", 28),
        ("imageFaults", 29),
    ],
)
def test_verdicts(file, calls):
    script = [find_node(), TESTS / "verdicts.mjs", GOLDEN / f"{file}.safetensors"]
    lines = subprocess.run(script, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(lines) == calls
    for line in lines:
        expected = json.loads(line)
        tensors = tensors_of(expected["path"])
        inputs = {name: tensors[key] for name, key in expected["inputs"].items()}
        outputs = {name: tensors[key] for name, key in expected["outputs"].items()}
        report = check({**inputs, **expected["params"]}, outputs, expected["dtype"])
        assert report.passed == expected["pass"], expected["outputs"]
        assert as_printed(report.tensors) == expected["verdicts"], expected["outputs"]


def as_printed(value):
    """Numbers as verdicts.mjs prints them: those that JSON lacks as text."""
    if isinstance(value, dict):
        return {key: as_printed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_printed(item) for item in value]
    if isinstance(value, float) and value - value != 0:
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
