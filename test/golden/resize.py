"""Writes resize.json: SHA-256 of what Pillow makes of random images, by size, filter and mode.

    apt-get install python3-pil && python3 test/golden/resize.py > test/golden/resize.json

The pixels come from a generator that test/resize.test.ts repeats: x = (1664525 x + 1013904223) mod 2**32, byte x >> 24.
"""
import hashlib
import json
import random

import PIL
from PIL import Image

random.seed(1)
FILTERS = 6


def pixels(seed, count):
    out = bytearray(count)
    x = seed
    for i in range(count):
        x = (1664525 * x + 1013904223) & 0xFFFFFFFF
        out[i] = x >> 24
    return bytes(out)


def side():
    return random.choice([1, 2, 3, random.randint(1, 20), random.randint(1, 90), random.randint(100, 400)])


cases = []
for seed in range(480):
    mode = random.choice(["RGB", "RGB", "L"])
    width, height = side(), side()
    to = side(), side()
    image = Image.frombytes("RGB", (width, height), pixels(seed, 3 * width * height)).convert(mode)
    resized = image.resize(to, seed % FILTERS).tobytes()
    cases.append([mode, height, width, to[1], to[0], hashlib.sha256(resized).hexdigest()[:16]])
print(json.dumps({"about": f"Pillow {PIL.__version__}; mode, height, width, to height, to width, start of SHA-256; seed and filter are the index, and the index modulo 6", "cases": cases}).replace("], [", "],\n["))
