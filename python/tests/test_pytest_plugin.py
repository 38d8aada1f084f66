"""The pytest plugin, in a pytest of its own."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
KERNEL = (TESTS / "kernel.py").read_text()


@pytest.fixture
def run(pytester):
    pytester.makepyfile(kernel=KERNEL)

    def run_tests(source, *options):
        pytester.makepyfile(
            test_kernel="import pytest\nfrom flash_window_attention import assert_window_attention\n"
            f"from kernel import window_attention\n{source}"
        )
        return pytester.runpytest_inprocess("-p", "flash_window_attention.pytest_plugin", *options)

    return run_tests


def test_the_fixture_has_a_test_for_every_shape(run):
    result = run(
        """
def test_o(window_attention_vectors):
    assert_window_attention(window_attention_vectors, window_attention(window_attention_vectors), dtype="tf32")
""",
        "-v",
        "--window-attention-seed=5",
    )
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["*test_o?4x3x49x32-seed5? PASSED*"])


def test_the_marker_chooses(run):
    result = run(
        """
pytestmark = pytest.mark.window_attention_vectors(bias=True, shapes=[(2, 1, 4, 4)])

@pytest.mark.window_attention_vectors(shapes=[(4, 1, 9, 8), (2, 2, 5, 3)], seeds=range(3), nW=2)
def test_o(window_attention_vectors):
    assert set(window_attention_vectors) == {"q", "k", "v", "bias", "mask"}
    assert_window_attention(window_attention_vectors, window_attention(window_attention_vectors))

def test_one(window_attention_vectors):
    assert window_attention_vectors["bias"].shape == (1, 4, 4)
""",
        "--strict-markers",
    )
    result.assert_outcomes(passed=7)


WRONG = """
@pytest.mark.window_attention_vectors(shapes=[(2, 1, 9, 8)], bias=True)
def test_wrong(window_attention_vectors):
    bias = window_attention_vectors["bias"]
    outputs = window_attention({**window_attention_vectors, "bias": bias.swapaxes(1, 2)})
    assert_window_attention(window_attention_vectors, outputs)

def test_other():
    assert False
"""


def test_a_failure_shows_the_report_and_draws_it(run, pytester):
    result = run(WRONG, "--window-attention-map=maps/of/errors")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["E *window attention is wrong, judged as float32:", "E *FAIL  o *", "E *bias_transposed: *"]
    )
    # The traceback ends in the test, not in this package.
    assert "oracle.py" not in result.stdout.str()
    (drawn,) = (pytester.path / "maps/of/errors").iterdir()
    assert drawn.name.startswith("test_kernel.py_test_wrong_2x1x9x8-seed1-") and drawn.suffix == ".svg"
    assert drawn.read_text().startswith("<svg ")
    result.stdout.fnmatch_lines([f"*errors drawn in maps/of/errors/{drawn.name}"])


def test_without_the_option_nothing_is_drawn(run, pytester):
    before = set(pytester.path.iterdir())
    run(WRONG).assert_outcomes(failed=2)
    assert not [path for path in set(pytester.path.rglob("*.svg")) - before]
