"""Makes swin-cifar10.safetensors: images of a few waves and noise, and the embedded model's logits for them.

Truth: transformers' SwinForImageClassification in float64. Needs torch, transformers, safetensors, numpy.
Run from the project's root: python test/golden/swin_cifar10.py OUTPUT
"""
import sys

import numpy
import torch
import transformers
from safetensors.numpy import save_file

SEED = 20260
random = numpy.random.RandomState(SEED)
y, x = numpy.mgrid[0:32, 0:32] / 32
images = []
for _ in range(6):
    planes = []
    for _ in range(3):
        fx, fy, phase = random.uniform(0.5, 4, 3)
        planes.append(numpy.sin(6.28 * (fx * x + fy * y) + phase) + 0.3 * random.randn(32, 32))
    images.append(planes)
pixel_values = numpy.array(images, dtype=numpy.float32)
model = transformers.SwinForImageClassification.from_pretrained("test/models/swin-cifar10").double().eval()
with torch.no_grad():
    logits = model(torch.from_numpy(pixel_values).double()).logits.numpy()
about = f"transformers {transformers.__version__}, torch {torch.__version__}, float64, seed {SEED}"
save_file({"images": pixel_values, "logits": logits}, sys.argv[1], metadata={"about": about})
print(about, logits.round(3).tolist())
