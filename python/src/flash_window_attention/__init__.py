"""Judges the outputs of window-attention kernels against the float64 truth, and says what a wrong one did."""

from .errors import NodeNotFoundError, OracleError, WindowAttentionMismatch
from .oracle import Report, assert_window_attention, check, diagnose, error_map, vectors

__all__ = [
    "NodeNotFoundError",
    "OracleError",
    "Report",
    "WindowAttentionMismatch",
    "assert_window_attention",
    "check",
    "diagnose",
    "error_map",
    "vectors",
]
