"""pytest: vectors as a fixture, and maps of what is wrong."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .errors import WindowAttentionMismatch

# The oracle is imported where it is used, as pytest loads this in every run.

#: (B, H, L, D): Swin's own, one of a larger window, sizes that no tile divides, one of everything.
SHAPES = ((4, 3, 49, 32), (4, 2, 64, 64), (4, 2, 144, 32), (4, 3, 9, 5), (4, 1, 1, 1))
MARKER = "window_attention_vectors"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("window attention")
    group.addoption(
        "--window-attention-seed", type=int, default=1, metavar="N", help="seed of the vectors (default: 1)"
    )
    group.addoption(
        "--window-attention-map", metavar="DIR", help="draw where wrong outputs are wrong, an SVG a failure"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARKER}(shapes=…, seeds=…, **options): shapes (B, H, L, D), seeds and the options of "
        f"flash_window_attention.vectors for the fixture {MARKER}",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if MARKER not in metafunc.fixturenames:
        return
    options: dict[str, Any] = {}
    for marker in reversed(list(metafunc.definition.iter_markers(MARKER))):
        options.update(marker.kwargs)
    shapes = options.pop("shapes", SHAPES)
    seeds = options.pop("seeds", (metafunc.config.getoption("--window-attention-seed"),))
    cases = [{"shape": tuple(shape), **options, "seed": seed} for shape in shapes for seed in seeds]
    ids = ["x".join(map(str, case["shape"])) + f"-seed{case['seed']}" for case in cases]
    metafunc.parametrize(MARKER, cases, ids=ids, indirect=True)


@pytest.fixture
def window_attention_vectors(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Inputs q, k, v and what the marker of the same name asks for, one shape and seed a test."""
    from .oracle import vectors

    return vectors(**request.param)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    directory = item.config.getoption("--window-attention-map")
    if directory is None or call.excinfo is None:
        return
    from .errors import WindowAttentionMismatch

    error = call.excinfo.value
    if isinstance(error, WindowAttentionMismatch):
        path = _draw(Path(directory), item.nodeid, error)
        if path is not None:
            outcome.get_result().sections.append(("window attention", f"errors drawn in {path}"))  # type: ignore


def _draw(directory: Path, nodeid: str, error: WindowAttentionMismatch) -> Path | None:
    from .oracle import error_map

    svg = error_map(error.inputs, error.outputs, error.report.dtype)
    if svg is None:
        return None
    directory.mkdir(parents=True, exist_ok=True)
    # The checksum tells apart what the plain name does not.
    plain = re.sub(r"[^\w.-]+", "_", nodeid).strip("_")[-150:]
    path = directory / f"{plain}-{zlib.crc32(nodeid.encode()):08x}.svg"
    path.write_text(svg, encoding="utf-8")
    return path
