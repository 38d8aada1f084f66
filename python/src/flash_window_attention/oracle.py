"""The oracle's functions, as `flash-window-attention/oracle` has them in JavaScript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import split
from .errors import WindowAttentionMismatch
from .process import OracleProcess
from .safetensors import BFloat16Bits

_process = OracleProcess()


@dataclass(frozen=True)
class Report:
    """Verdicts on the outputs of a kernel. True where all pass; as text, what the command line prints."""

    passed: bool
    dtype: str
    #: By tensor, as JavaScript's `Verdict` names it: pass, maxAbsError, naiveError, ratio, tolerance, worstIndex, …
    tensors: Mapping[str, Mapping[str, Any]]
    text: str

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return self.text


def check(inputs: Mapping[str, Any], outputs: Mapping[str, Any], dtype: str = "float32", **options: Any) -> Report:
    """Judges a kernel's outputs against the float64 truth by FlashAttention's rule.

    `inputs`: q, k, v [B, H, L, D]; optionally bias [H, L, L], mask [nW, L, L], scale or logitScale [H], and dO for gradients.
    Or those of a shifted-window operation over images: qkv [B, H, W, 3C], numHeads, windowSize, shiftSize,
    relativePositionBias, paddingQkv, dO. `outputs`: o, lse, dQ, dK, dV, dBias, dLogitScale, or over images o, dQkv,
    dRelativePositionBias, dLogitScale; at least one. Arrays are NumPy's, torch's or whatever numpy.asarray takes. As
    frameworks have them, a bias may be [1, H, L, L] and a mask [nW, 1, L, L], of booleans where true takes part too.
    `dtype`: the precision that the kernel computes in: float32, tf32, bfloat16 or float16. `options`: those of `checkCase`.

    Raises TypeError for what is no array or has an unknown name, ValueError for sizes that disagree, OracleError where
    the oracle cannot run.
    """
    return _report("check", inputs, outputs, {"dtype": dtype, **options})


def assert_window_attention(
    inputs: Mapping[str, Any], outputs: Mapping[str, Any], dtype: str = "float32", **options: Any
) -> None:
    """Raises WindowAttentionMismatch where `check` does not pass: an AssertionError whose message is the report.

    The report also says what the wrong outputs look like, as `diagnose` does.
    """
    __tracebackhide__ = True
    report = _report("checkAndDiagnose", inputs, outputs, {"dtype": dtype, **options})
    if not report:
        raise WindowAttentionMismatch(report, inputs, outputs)


def diagnose(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What wrong outputs look like, by tensor: hypotheses {name, explanation, residual, where?}, the best one first."""
    hypotheses: dict[str, list[dict[str, Any]]] = _call("diagnose", inputs, outputs, {})
    return hypotheses


def error_map(
    inputs: Mapping[str, Any], outputs: Mapping[str, Any], dtype: str = "float32", **options: Any
) -> str | None:
    """An SVG picture of where `o` [B, H, L, D] is wrong; None where there is no such output."""
    svg: str | None = _call("errorMap", inputs, outputs, {"dtype": dtype, **options})
    return svg


def vectors(
    shape: Sequence[int],
    *,
    kind: str = "random",
    bias: bool = False,
    nW: int = 0,
    cosine: bool = False,
    backward: bool = False,
    dtype: str = "float32",
    seed: int = 1,
) -> dict[str, np.ndarray]:
    """Inputs for a kernel, by the names that `check` takes; the same options give the same bits on every machine.

    `shape`: (B, H, L, D). `kind`: random, adversarial or extreme. `nW`: windows of a mask, 0 for none. `cosine`: Swin V2's
    logitScale. `backward`: dO. Values of `dtype` bfloat16 come as float32, as NumPy has no such type.

    Raises ValueError for sizes below 1, TypeError for an option of a wrong type.
    """
    _, parameters = split("vectors", {"shape": list(shape), "kind": kind, "bias": bias, "nW": nW, "cosine": cosine,
                                      "backward": backward, "dtype": dtype, "seed": seed})  # fmt: skip
    made = _process.call("vectors", options=parameters)[1]
    return {name: tensor.widened() if isinstance(tensor, BFloat16Bits) else tensor for name, tensor in made.items()}


def _report(method: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any], options: dict[str, Any]) -> Report:
    result = _call(method, inputs, outputs, options)
    return Report(result["pass"], result["dtype"], result["tensors"], result["text"])


def _call(method: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any], options: dict[str, Any]) -> Any:
    tensors, parameters = split("inputs", inputs)
    actuals, others = split("outputs", outputs)
    for name in others:
        raise TypeError(f'"outputs.{name}" expected an array, got {type(outputs[name]).__name__}')
    named = {
        **{f"inputs.{name}": tensor for name, tensor in tensors.items()},
        **{f"outputs.{name}": tensor for name, tensor in actuals.items()},
    }
    return _process.call(method, parameters, options, named)[0]
