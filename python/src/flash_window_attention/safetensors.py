"""The safetensors format, as far as the oracle's calls need it.

Source: https://huggingface.co/docs/safetensors (8-byte length, JSON header, data).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

# BF16 is absent: NumPy has no such type, so that its bits travel as uint16.
_DTYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}


class BFloat16Bits:
    """A bfloat16 array as its bits, uint16."""

    def __init__(self, bits: np.ndarray) -> None:
        self.bits = bits

    def widened(self) -> np.ndarray:
        """As float32, which holds every bfloat16 exactly."""
        return (self.bits.astype(np.uint32) << 16).view(np.float32)


def dump(tensors: Mapping[str, np.ndarray | BFloat16Bits], metadata: Mapping[str, str]) -> list[bytes]:
    """The parts of a file, to be written one after the other."""
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    parts = []
    end = 0
    for name, tensor in tensors.items():
        array = tensor.bits if isinstance(tensor, BFloat16Bits) else tensor
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        dtype = "BF16" if isinstance(tensor, BFloat16Bits) else _NAMES[little.dtype]
        parts.append(little.tobytes())
        begin, end = end, end + len(parts[-1])
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little"), text, *parts]


def load(data: bytes) -> tuple[dict[str, np.ndarray | BFloat16Bits], dict[str, str]]:
    """Tensors and metadata of a well-formed file."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    metadata = header.pop("__metadata__", {})
    tensors: dict[str, np.ndarray | BFloat16Bits] = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = "<u2" if entry["dtype"] == "BF16" else _DTYPES[entry["dtype"]]
        # A copy, as what frombuffer returns cannot be written to.
        array = np.frombuffer(data[start + begin : start + end], dtype).copy().reshape(entry["shape"])
        tensors[name] = BFloat16Bits(array) if entry["dtype"] == "BF16" else array
    return tensors, metadata
