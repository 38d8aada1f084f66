"""Arrays of NumPy, PyTorch and others as what the oracle reads."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from .safetensors import BFloat16Bits


def split(argument: str, values: Mapping[str, Any]) -> tuple[dict[str, np.ndarray | BFloat16Bits], dict[str, Any]]:
    """Tensors of `values`, and what is none: numbers, and the pairs that sizes and shifts may be. None is absent."""
    if not isinstance(values, Mapping):
        raise TypeError(f'"{argument}" expected a dict of arrays by name, got {type(values).__name__}')
    tensors: dict[str, np.ndarray | BFloat16Bits] = {}
    parameters: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, (bool, str, numbers.Real, tuple, list)):
            parameters[name] = _plain(value)
        elif getattr(value, "ndim", None) == 0:
            parameters[name] = _plain(value.item())
        else:
            tensors[name] = to_array(f"{argument}.{name}", value)
    return tensors, parameters


def to_array(name: str, value: Any) -> np.ndarray | BFloat16Bits:
    """An array of a type that safetensors knows; torch tensors are recognised by their methods, torch is not imported."""
    if isinstance(value, BFloat16Bits):
        return value
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu()
        dtype = str(value.dtype).rpartition(".")[2]
        # NumPy has neither bfloat16 nor float8; float32 holds both exactly.
        has_none = dtype == "bfloat16" or dtype.startswith("float8")
        array: np.ndarray = (value.float() if has_none else value).numpy()
    else:
        array = np.asarray(value)
        dtype = array.dtype.name
        if dtype == "bfloat16" or dtype.startswith("float8"):  # of ml_dtypes
            array = array.astype(np.float32)
    if dtype == "bfloat16":
        return BFloat16Bits((np.ascontiguousarray(array).view(np.uint32) >> 16).astype(np.uint16))
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise TypeError(f'"{name}" expected an array of numbers of at most 64 bits, got {dtype}')
    return array


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    return value
