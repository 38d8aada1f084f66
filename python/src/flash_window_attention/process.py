"""The Node process that the oracle runs in."""

from __future__ import annotations

import atexit
import json
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from . import safetensors
from .errors import OracleError
from .node import find_node

_BUNDLE = Path(__file__).with_name("oracle.mjs")
# What JavaScript's errors are called here.
_ERRORS = {"TypeError": TypeError, "RangeError": ValueError}


class OracleProcess:
    """Answers calls one at a time, in one process that the first call starts and that ends with this one.

    Threads may share it. A child of os.fork starts a process of its own.
    """

    _process: subprocess.Popen[bytes] | None
    _stderr: IO[bytes] | None

    def __init__(self) -> None:
        self._reset()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)

    @property
    def pid(self) -> int | None:
        """Of the process that runs now, if one does."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def call(
        self,
        method: str,
        inputs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        tensors: Mapping[str, np.ndarray | safetensors.BFloat16Bits] | None = None,
    ) -> tuple[Any, dict[str, np.ndarray | safetensors.BFloat16Bits]]:
        """The result and the tensors of one call.

        Raises TypeError or ValueError for what the oracle refuses, OracleError where it could not answer.
        """
        request = json.dumps({"method": method, "inputs": inputs or {}, "options": options or {}}, default=str)
        parts = safetensors.dump(tensors or {}, {"request": request})
        with self._lock:
            answer = self._exchange(parts)
        made, metadata = safetensors.load(answer)
        response = json.loads(metadata["response"], object_hook=_with_floats)
        if "error" not in response:
            return response["result"], made
        error = response["error"]
        # What this package calls outputs, JavaScript calls actuals.
        message = re.sub(r'^"actuals\b', '"outputs', error["message"])
        raise _ERRORS.get(error["name"], OracleError)(message)

    def close(self) -> None:
        """Ends the process; the next call starts another."""
        with self._lock:
            self._end()

    def _exchange(self, parts: list[bytes]) -> bytes:
        if self.pid is None:
            self._end()
            self._start()
        process = self._process
        assert process and process.stdin and process.stdout
        try:
            process.stdin.write(sum(map(len, parts)).to_bytes(8, "little"))
            for part in parts:
                process.stdin.write(part)
            process.stdin.flush()
            length = _read(process.stdout, 8)
            return _read(process.stdout, int.from_bytes(length, "little"))
        except (OSError, EOFError) as error:
            code = process.wait()
            said = self._said()
            self._end()
            raise OracleError(f"the oracle's Node process ended with code {code}{said}") from error
        except BaseException:
            # Interrupted, the pipes hold the rest of this call.
            self._end()
            raise

    def _start(self) -> None:
        if not _BUNDLE.exists():
            raise OracleError(f"{_BUNDLE} is missing: build it with `npm run build:python`")
        node = find_node()
        # A file, since a pipe that nobody reads would block the process once it is full; open as long as that runs.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [node, str(_BUNDLE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr
        )

    def _end(self) -> None:
        process, stderr = self._process, self._stderr
        self._process = self._stderr = None
        if process and process.stdin and process.stdout:
            process.kill()
            process.wait()
            process.stdout.close()
            try:
                process.stdin.close()
            except OSError:
                pass  # What a broken pipe still held is lost with its process.
        if stderr:
            stderr.close()

    def _said(self) -> str:
        if not self._stderr:
            return ""
        self._stderr.seek(0)
        text = self._stderr.read().decode(errors="replace").strip()
        return f":\n{text[-2000:]}" if text else ""

    def _reset(self) -> None:
        """Also in a forked child, where another thread may have held the lock."""
        self._lock = threading.Lock()
        self._process = None
        self._stderr = None


def _read(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _with_floats(value: dict[str, Any]) -> Any:
    """JSON has no infinities or NaN: `{"float": "NaN"}` stands for one."""
    return float(value["float"]) if value.keys() == {"float"} else value
