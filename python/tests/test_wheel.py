"""The built wheel in an environment of its own, as a user installs and uses it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]

TEN_LINES = """
import numpy as np
from flash_window_attention import assert_window_attention

def test_o(window_attention_vectors):
    q, k, v = (window_attention_vectors[name] for name in "qkv")
    s = q @ k.swapaxes(2, 3) * np.float32(SCALE)
    p = np.exp(s - s.max(3, keepdims=True))
    o = p / p.sum(3, keepdims=True) @ v
    assert_window_attention(window_attention_vectors, {"o": o})
"""


def run(*command, cwd=None):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from the source distribution, so that this is whole too."""
    directory = tmp_path_factory.mktemp("dist")
    # Debian's hatchling comes without editables, which only editable installs need.
    flags = ["--no-isolation", "--skip-dependency-check"]
    built = run(sys.executable, "-m", "build", *flags, "--outdir", directory, PACKAGE)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = directory.glob("*.whl")
    return wheel


def test_it_holds_the_package_and_the_oracle_once(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = sorted(Path(name).name for name in file.namelist() if name.startswith("flash_window_attention/"))
    modules = [path.name for path in (PACKAGE / "src/flash_window_attention").glob("*.py")]
    assert names == sorted([*modules, "oracle.mjs", "py.typed"])


def test_ten_lines_pass_and_fail_as_they_should(wheel, tmp_path):
    # NumPy, pytest and pip are the system's, so that no registry need be reached.
    assert (
        run(sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", tmp_path / "venv").returncode == 0
    )
    python = tmp_path / "venv/bin/python"
    installed = run(python, "-m", "pip", "install", "--no-index", "--no-deps", wheel)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    (tmp_path / "test_right.py").write_text(TEN_LINES.replace("SCALE", "q.shape[3] ** -0.5"))
    (tmp_path / "test_wrong.py").write_text(TEN_LINES.replace("SCALE", "1"))

    right = run(python, "-m", "pytest", "test_right.py", cwd=tmp_path)
    assert right.returncode == 0 and "5 passed" in right.stdout, right.stdout + right.stderr

    wrong = run(python, "-m", "pytest", "test_wrong.py", "--window-attention-map", "maps", cwd=tmp_path)
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    # With one feature, a scale of 1 is right.
    assert "4 failed, 1 passed" in wrong.stdout
    assert "scale_missing: the products of queries and keys are not scaled" in wrong.stdout
    assert len(list((tmp_path / "maps").glob("*.svg"))) == 4


def test_without_numpy_installed_pip_would_fetch_it_alone(wheel):
    with zipfile.ZipFile(wheel) as file:
        (metadata,) = [name for name in file.namelist() if name.endswith("METADATA")]
        lines = file.read(metadata).decode().splitlines()
    needs = [line for line in lines if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert needs == ["Requires-Dist: numpy>=1.22"]


def test_its_version_is_the_repository_s():
    import json
    import re

    version = json.loads((PACKAGE.parent / "package.json").read_text())["version"]
    assert re.search(r'^version = "(.*)"$', (PACKAGE / "pyproject.toml").read_text(), re.MULTILINE)[1] == version
