"""What calls raise, besides TypeError and ValueError for their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .oracle import Report


class OracleError(RuntimeError):
    """The oracle could not answer: its process did not start, died or broke off."""


class NodeNotFoundError(OracleError):
    """There is no Node.js that can run the oracle."""


class WindowAttentionMismatch(AssertionError):
    """Outputs are wrong; the message is the report."""

    def __init__(self, report: Report, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        super().__init__(f"window attention is wrong, judged as {report.dtype}:\n{report.text}")
        self.report = report
        self.inputs = inputs
        self.outputs = outputs
