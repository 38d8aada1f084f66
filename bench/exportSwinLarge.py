"""The Swin-L backbone of test/golden/upstreamReal.py as ONNX, for bench/swinLarge.mjs.

usage: python bench/exportSwinLarge.py swinLarge.onnx   (torch, transformers 5, timm, torchvision, onnx)
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "test" / "golden"))
import torch
import upstreamReal
from made_up import made_up

model, _ = upstreamReal.detection_large()
upstreamReal.fill_backbone(model)


class Maps(torch.nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, x):
        return tuple(self.backbone(x).feature_maps)


pixels = torch.from_numpy(made_up("x", (1, 3, 1024, 1024), 0.0, 2.0))
names = {"input_names": ["x"], "output_names": [f"map{stage}" for stage in range(4)]}
with torch.inference_mode():
    torch.onnx.export(Maps(model.float().eval()), (pixels,), sys.argv[1], **names, opset_version=17, dynamo=False)
