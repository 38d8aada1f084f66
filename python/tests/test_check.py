"""check, assert_window_attention, diagnose and error_map."""

import re
import xml.etree.ElementTree

import numpy as np
import pytest

from flash_window_attention import (
    WindowAttentionMismatch,
    assert_window_attention,
    check,
    diagnose,
    error_map,
    vectors,
)
from flash_window_attention.oracle import _process

from kernel import window_attention

INPUTS = vectors((4, 2, 9, 8), bias=True, nW=2, backward=True)
RIGHT = window_attention(INPUTS)


def test_right_outputs_pass():
    report = check(INPUTS, RIGHT)
    assert report and report.passed and report.dtype == "float32"
    assert set(report.tensors) == {"o", "lse"}
    verdict = report.tensors["o"]
    assert verdict["pass"] and 0 < verdict["maxAbsError"] <= verdict["tolerance"]
    assert len(verdict["worstIndex"]) == 4
    assert str(report) == report.text and "2 tensors pass" in report.text
    assert_window_attention(INPUTS, RIGHT, dtype="tf32")


def test_a_wrong_output_fails_with_the_report_as_the_message():
    unbiased = {name: tensor for name, tensor in INPUTS.items() if name != "bias"}
    with pytest.raises(AssertionError, match="bias_ignored: the bias is not added") as info:
        assert_window_attention(INPUTS, {"o": window_attention(unbiased)["o"]}, dtype="tf32")
    assert re.search("^FAIL +o ", str(info.value), re.MULTILINE)
    assert info.type is WindowAttentionMismatch and info.value.report.dtype == "tf32"


def test_diagnose_names_the_fault():
    wrong = window_attention(INPUTS, scale=1)["o"]
    assert diagnose(INPUTS, {"o": wrong})["o"][0]["name"] == "scale_missing"


def test_every_wrong_output_has_its_reason():
    wrong = {"o": window_attention(INPUTS, scale=1)["o"], "lse": RIGHT["lse"] * np.float32(np.log2(np.e))}
    assert set(diagnose(INPUTS, {**wrong, "dV": INPUTS["v"]})) == {"o", "lse", "dV"}
    with pytest.raises(WindowAttentionMismatch, match=r"(?s)scale_missing: .*lse_base_2: "):
        assert_window_attention(INPUTS, wrong)


def test_an_infinite_error_is_a_float():
    wrong = RIGHT["o"].copy()
    wrong[1, 0, 2, 3] = np.nan
    verdict = check(INPUTS, {"o": wrong}).tensors["o"]
    assert not verdict["pass"] and np.isnan(verdict["actualAtWorst"]) or verdict["nonFinite"]["mismatches"] == 1


def test_scale_and_none_among_the_inputs():
    scaled = {**INPUTS, "scale": np.float32(0.5), "logitScale": None}
    assert check(scaled, {"o": window_attention(INPUTS, scale=0.5)["o"]})
    assert not check(scaled, RIGHT)


def test_cosine_attention():
    inputs = vectors((2, 3, 9, 8), cosine=True)
    q, k = (inputs[name] / np.linalg.norm(inputs[name], axis=-1, keepdims=True) for name in "qk")
    factor = np.exp(np.minimum(inputs["logitScale"], np.log(100)))[:, None, None]
    # The factor goes into q, as the kernel knows scalar scales alone.
    assert check(inputs, {"o": window_attention({"q": q * factor, "k": k, "v": inputs["v"]}, scale=1)["o"]})


def test_images():
    rng = np.random.default_rng(3)
    qkv = rng.standard_normal((2, 6, 8, 3 * 8), dtype=np.float32)
    inputs = {"qkv": qkv, "numHeads": 2, "windowSize": (3, 4)}
    # [B, rows, 3, columns, 4, qkv, heads, D] to qkv of [B, rows, columns, heads, 3 · 4, D].
    windows = qkv.reshape(2, 2, 3, 2, 4, 3, 2, 4).transpose(5, 0, 1, 3, 6, 2, 4, 7).reshape(3, 8, 2, 12, 4)
    o = window_attention(dict(zip("qkv", windows)))["o"]
    image = o.reshape(2, 2, 2, 2, 3, 4, 4).transpose(0, 1, 4, 2, 5, 3, 6).reshape(2, 6, 8, 8)
    assert check(inputs, {"o": image})
    shifted = {**inputs, "shiftSize": (1, 2)}
    with pytest.raises(WindowAttentionMismatch, match="worst at image .*, line .*, column .*, channel "):
        assert_window_attention(shifted, {"o": image})
    assert error_map(shifted, {"o": image}).startswith("<svg ")


def test_a_map_of_the_errors():
    wrong = RIGHT["o"].copy()
    wrong[1, 0] = 9
    svg = xml.etree.ElementTree.fromstring(error_map(INPUTS, {"o": wrong}))
    assert svg.tag.endswith("svg")
    assert error_map(INPUTS, {"lse": RIGHT["lse"]}) is None


@pytest.mark.parametrize(
    ("inputs", "outputs", "options", "error", "message"),
    [
        (INPUTS, {}, {}, ValueError, r'"outputs" expected one of o, lse'),
        (INPUTS, {"o": 3}, {}, TypeError, r'"outputs.o" expected an array, got int'),
        (INPUTS, {"o": np.array(["a"])}, {}, TypeError, r'"outputs.o" expected an array of numbers .*, got str'),
        (INPUTS, {"o": RIGHT["o"] * 1j}, {}, TypeError, r"got complex64"),
        (INPUTS, [RIGHT["o"]], {}, TypeError, r'"outputs" expected a dict of arrays by name, got list'),
        (INPUTS, {"o": RIGHT["o"][:2]}, {}, ValueError, r"expected dims"),
        (INPUTS, RIGHT, {"dtype": "int4"}, TypeError, r'"dtype" expected one of'),
        ({**INPUTS, "dO": None}, {"dQ": INPUTS["q"]}, {}, TypeError, r'"dO" expected a tensor'),
        ({**INPUTS, "scale": "large"}, RIGHT, {}, TypeError, r'"scale" expected'),
    ],
)
def test_what_is_refused(inputs, outputs, options, error, message):
    with pytest.raises(error) as info:
        check(inputs, outputs, **options)
    assert re.search(message, str(info.value))
    # The process goes on.
    pid = _process.pid
    assert check(INPUTS, RIGHT) and _process.pid == pid
