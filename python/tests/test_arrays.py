"""Arrays of every kind reach the oracle with their values."""

import numpy as np
import pytest

from flash_window_attention import check, diagnose, error_map, vectors
from flash_window_attention.arrays import to_array
from flash_window_attention.safetensors import BFloat16Bits, dump, load

from kernel import window_attention

INPUTS = vectors((2, 2, 9, 8))
O = window_attention(INPUTS)["o"]


class Tensor:
    """What torch's tensors have in common with this is all that the package asks of them."""

    def __init__(self, array, dtype, steps=()):
        self._array, self.dtype, self._steps = array, f"torch.{dtype}", steps
        self.ndim = array.ndim

    def detach(self):
        return Tensor(
            self._array, "float32" if self.dtype == "torch.float32" else self.dtype[6:], (*self._steps, "detach")
        )

    def cpu(self):
        return Tensor(self._array, self.dtype[6:], (*self._steps, "cpu"))

    def float(self):
        return Tensor(self._array.astype(np.float32), "float32", self._steps)

    def numpy(self):
        # As torch refuses: gradients, other devices, types that NumPy lacks.
        if self._steps != ("detach", "cpu"):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self._array


def bfloat16(array):
    """Rounded down to bfloat16, as float32."""
    return (array.view(np.uint32) & 0xFFFF0000).view(np.float32)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda x: x.astype(">f4"), id="big-endian"),
        pytest.param(np.asfortranarray, id="Fortran order"),
        pytest.param(lambda x: np.repeat(x, 2, axis=-1)[..., ::2], id="strided"),
        pytest.param(lambda x: x.astype(np.float64), id="float64"),
        pytest.param(lambda x: Tensor(x, "float32"), id="like torch's"),
    ],
)
def test_every_layout_gives_the_same_verdict(change):
    expected = check(INPUTS, {"o": O})
    changed = check({name: change(tensor) for name, tensor in INPUTS.items()}, {"o": change(O)})
    error = expected.tensors["o"]["maxAbsError"]
    assert changed.passed and changed.tensors["o"]["maxAbsError"] == error


def test_biases_and_masks_as_frameworks_have_them():
    inputs = vectors((4, 2, 9, 8), bias=True, nW=2)
    seen = np.random.default_rng(1).random((2, 9, 9)) < 0.7
    seen[:, np.arange(9), np.arange(9)] = True
    inputs["mask"] = np.where(seen, np.float32(0), np.float32(-np.inf))
    outputs = window_attention(inputs)
    framework = {**inputs, "bias": inputs["bias"][None], "mask": seen[:, None]}
    for mask in (seen, seen[:, None], inputs["mask"][:, None]):
        report = check({**framework, "mask": mask}, outputs)
        assert report and report.tensors == check(inputs, outputs).tensors
    unmasked = {name: tensor for name, tensor in inputs.items() if name != "mask"}
    wrong = window_attention(unmasked)
    assert not check(framework, wrong)
    assert diagnose(framework, {"o": wrong["o"]})["o"][0]["name"] == "mask_ignored"
    assert error_map(framework, wrong) == error_map(inputs, wrong)
    for change in ({"bias": inputs["bias"].astype(int)}, {"q": inputs["q"] > 0}):
        with pytest.raises(TypeError, match=next(iter(change))):
            check({**inputs, **change}, outputs)
    with pytest.raises(ValueError, match="mask"):
        check({**inputs, "mask": seen[:, :3]}, outputs)


def test_torch_tensors_where_torch_is_there():
    torch = pytest.importorskip("torch")
    tensors = {name: torch.from_numpy(tensor).requires_grad_() for name, tensor in INPUTS.items()}
    assert check(tensors, {"o": torch.from_numpy(O).bfloat16()}, dtype="bfloat16")


def test_bfloat16_travels_as_its_bits():
    values = bfloat16(INPUTS["q"])
    bits = to_array("q", Tensor(values, "bfloat16"))
    assert isinstance(bits, BFloat16Bits) and bits.bits.dtype == np.uint16
    file = b"".join(dump({"q": bits}, {"a": "ü"}))
    tensors, metadata = load(file)
    np.testing.assert_array_equal(tensors["q"].widened(), values)
    assert metadata == {"a": "ü"}
    assert check({name: Tensor(bfloat16(x), "bfloat16") for name, x in INPUTS.items()},
                 {"o": Tensor(bfloat16(O), "bfloat16")}, dtype="bfloat16")  # fmt: skip


def test_ml_dtypes_where_they_are_there():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = bfloat16(INPUTS["q"])
    assert (to_array("q", values.astype(ml_dtypes.bfloat16)).bits == values.view(np.uint32) >> 16).all()


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_files_keep_every_type_and_shape(dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    loaded = load(b"".join(dump({"x": array, "y": array.T}, {})))[0]
    for name, expected in (("x", array), ("y", array.T)):
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], expected)
