"""Dynamic quantisation of a benchmarked graph by onnxruntime's own tool: python3 bench/quantize.py MODEL.onnx INT8.onnx

Needs onnx and onnxruntime. Weights become int8 with a scale for each output, activations uint8 with one a tensor.
"""

import sys

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

model, output = sys.argv[1:]
quantize_dynamic(
    model,
    output,
    weight_type=QuantType.QInt8,
    per_channel=True,
    # Behind com.microsoft's Gelu, onnx infers no types.
    extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
)
