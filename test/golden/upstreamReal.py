"""Real Swin architectures with made-up weights, run by upstream in float64.

usage: python upstreamReal.py upstreamReal.safetensors   (torch, torchvision, timm 1.0, transformers 5, safetensors)
"""
import json
import sys

import numpy as np
import torch
from made_up import BUFFERS, centre_and_scale, fill, made_up, sample
from safetensors.numpy import save_file

import timm
import torchvision
import transformers


def detection_name(name):
    """transformers' SwinBackbone, which pads, shifts and norms as Microsoft's backbone for detection, by the latter's names."""
    for old, new in (
        ("swin.embeddings.patch_embeddings.projection", "patch_embed.proj"),
        ("swin.embeddings.norm", "patch_embed.norm"),
        ("swin.encoder.layers", "layers"),
        ("layernorm_before", "norm1"),
        ("layernorm_after", "norm2"),
        ("attention.relative_position_bias.relative_position_bias_table", "attn.relative_position_bias_table"),
        ("attention.self.relative_position_bias_table", "attn.relative_position_bias_table"),
        ("attention.o_proj", "attn.proj"),
    ):
        name = name.replace(old, new)
    for stage in range(4):
        name = name.replace(f"hidden_states_norms.stage{stage + 1}", f"norm{stage}")
    return name


def fill_backbone(model):
    """As `fill`; q, k and v are thirds of one matrix there, and the last norm of SwinModel is none of the backbone's."""
    shapes = {}
    state = model.state_dict()
    tensors = {}
    for name, tensor in state.items():
        if name.endswith(BUFFERS) or name.startswith("swin.layernorm"):
            continue
        third = [i for i, part in enumerate(("q_proj", "k_proj", "v_proj")) if part in name]
        shape = list(tensor.shape)
        own = detection_name(name)
        if third:
            own = own.replace(f"attention.{'qkv'[third[0]]}_proj", "attn.qkv")
            shape[0] *= 3
        shapes[own] = shape
        whole = made_up(own, shape, *centre_and_scale(own, shape))
        if third:
            whole = np.split(whole, 3)[third[0]]
        tensors[name] = torch.from_numpy(np.ascontiguousarray(whole)).double()
    model.double().eval()
    model.load_state_dict(tensors, strict=False)
    return shapes


TINY = {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24], "num_labels": 1000}


def timm_tiny(size):
    model = timm.create_model("swin_tiny_patch4_window7_224", img_size=size)
    return model, {**TINY, "model_type": "swin", "image_size": size, "window_size": 7}


def torchvision_tiny():
    return torchvision.models.swin_t(), {**TINY, "model_type": "swin", "image_size": 224, "window_size": 7}


def transformers_v2_tiny():
    config = {**TINY, "model_type": "swinv2", "image_size": 256, "window_size": 8}
    given = {key: value for key, value in config.items() if key != "model_type"}
    return transformers.Swinv2ForImageClassification(transformers.Swinv2Config(**given)), config


def timm_v2_tiny():
    model = timm.create_model("swinv2_tiny_window8_256", strict_img_size=False)
    return model, {**TINY, "model_type": "swinv2", "image_size": 256, "window_size": 8}


def detection_large():
    config = {"embed_dim": 192, "depths": [2, 2, 18, 2], "num_heads": [6, 12, 24, 48], "image_size": 384, "window_size": 12}
    names = [f"stage{stage}" for stage in range(1, 5)]
    model = transformers.SwinBackbone(transformers.SwinConfig(**config, out_features=names))
    return model, {**config, "model_type": "swin"}


CASES = [
    ("timm_tiny_256", lambda: timm_tiny(256), [(256, 256)]),
    ("timm_tiny_512", lambda: timm_tiny(512), [(512, 512)]),
    ("torchvision_tiny", torchvision_tiny, [(225, 225), (230, 300)]),
    ("transformers_v2_tiny", transformers_v2_tiny, [(128, 128), (256, 128)]),
    ("timm_v2_tiny", timm_v2_tiny, [(128, 128), (256, 128)]),
    ("detection_large", detection_large, [(1024, 1024)]),
]


def main(path):
    tensors = {}
    cases = []
    with torch.inference_mode():
        table = torch.from_numpy(made_up("table", (169, 3), 0.0, 1.0)).double()
        for window in (4, 12):
            side = 2 * window - 1
            image = table.permute(1, 0).reshape(1, 3, 13, 13)
            resized = torch.nn.functional.interpolate(image, size=(side, side), mode="bicubic")
            tensors[f"table.{window}"] = resized.reshape(3, side * side).permute(1, 0).contiguous().numpy()
        for name, build, sizes in CASES:
            model, config = build()
            shapes = fill_backbone(model) if name == "detection_large" else fill(model)
            for height, width in sizes:
                shape = (1, 3, height, width)
                result = model(torch.from_numpy(made_up("x", shape, 0.0, 2.0)).double())
                maps = result.feature_maps if hasattr(result, "feature_maps") else [getattr(result, "logits", result)]
                case = f"{name}_{height}x{width}"
                for i, values in enumerate(maps):
                    tensors[f"{case}.sample{i}"], tensors[f"{case}.largest{i}"] = sample(values.numpy())
                cases.append({"name": case, "run": [height, width], "config": config, "shapes": name})
                print(case, [float(tensors[f"{case}.largest{i}"][0]) for i in range(len(maps))], flush=True)
            tensors[f"{name}.shapes"] = np.frombuffer(json.dumps(shapes).encode(), np.uint8)
    about = f"torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}, transformers {transformers.__version__}"
    save_file(tensors, path, {"cases": json.dumps(cases), "about": f"float64, made-up weights (upstreamReal.py): {about}"})


if __name__ == "__main__":
    main(sys.argv[1])
