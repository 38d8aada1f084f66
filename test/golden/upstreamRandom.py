"""Random small models of every upstream, at random sizes, with made-up weights, run in float64.

usage: python upstreamRandom.py upstreamRandom.safetensors [seed]   (torch, torchvision, timm 1.0, transformers 5, safetensors)
"""
import json
import random
import sys

import numpy as np
import torch
from made_up import fill, made_up, sample
from safetensors.numpy import save_file

import timm
import torchvision
import transformers
from timm.models import swin_transformer, swin_transformer_v2
from torchvision.models import swin_transformer as tv

CASES_OF_KIND = 12
SAMPLES = 100


def architecture(pick):
    stages = pick.choice([2, 3])
    patch = pick.choice([2, 4])
    return {
        "embed_dim": pick.choice([8, 16]),
        "depths": [pick.choice([1, 2, 3]) for _ in range(stages)],
        "num_heads": [pick.choice([1, 2, 4]) for _ in range(stages)],
        "window_size": pick.choice([2, 3, 4, 5]),
        "patch_size": patch,
        "image_size": [patch * pick.randint(3, 14), patch * pick.randint(3, 14)],
        "mlp_ratio": pick.choice([2.0, 3.5, 4.0]),
        "num_labels": 5,
    }


def transformers_model(kind, pick):
    config = architecture(pick)
    config.update(layer_norm_eps=pick.choice([1e-5, 1e-3]), qkv_bias=pick.random() < 0.7)
    run = [pick.randint(4, 60), pick.randint(4, 60)]
    if "v2" in kind:
        config["pretrained_window_sizes"] = [pick.choice([0, 3, 6]) for _ in config["depths"]]
    elif "donut" not in kind and pick.random() < 0.3:
        config["use_absolute_embeddings"] = True
        run = [size - pick.randint(0, config["patch_size"] - 1) for size in config["image_size"]]
    classes = {
        "transformers": (transformers.SwinConfig, transformers.SwinForImageClassification),
        "transformers v2": (transformers.Swinv2Config, transformers.Swinv2ForImageClassification),
        "transformers model": (transformers.SwinConfig, transformers.SwinModel),
        "transformers donut": (transformers.DonutSwinConfig, transformers.DonutSwinModel),
        "transformers backbone": (transformers.SwinConfig, transformers.SwinBackbone),
        "transformers backbone v2": (transformers.Swinv2Config, transformers.Swinv2Backbone),
    }
    make_config, make_model = classes[kind]
    features = None
    if "backbone" in kind:
        names = ["stem"] + [f"stage{stage + 1}" for stage in range(len(config["depths"]))]
        features = [name for name in names if pick.random() < 0.6] or ["stage1"]
        own = make_config(**config, out_features=features)
    else:
        own = make_config(**config)
    return make_model(own), {**config, "model_type": own.model_type}, run, features


def timm_model(kind, pick):
    config = architecture(pick)
    patch = config["patch_size"]
    config["qkv_bias"] = pick.random() < 0.7
    if kind == "timm v2":
        config["pretrained_window_sizes"] = [pick.choice([0, 3, 6]) for _ in config["depths"]]
    elif pick.random() < 0.5:
        config["window_size"] = [pick.choice([2, 3, 4]) for _ in range(pick.choice([2, len(config["depths"])]))]
    args = {key: value for key, value in config.items() if key not in ("image_size", "num_labels")}
    if isinstance(args["window_size"], list):
        args["window_size"] = tuple(args["window_size"])
    make = swin_transformer_v2.SwinTransformerV2 if kind == "timm v2" else swin_transformer.SwinTransformer
    is_backbone = kind == "timm backbone"
    model = make(
        img_size=config["image_size"], num_classes=0 if is_backbone else 5, strict_img_size=False, **args
    )
    features = [f"stage{stage + 1}" for stage in range(len(config["depths"]))] if is_backbone else None
    run = [patch * pick.randint(1, 14), patch * pick.randint(1, 14)]
    return model, {**config, "model_type": "swinv2" if kind == "timm v2" else "swin"}, run, features


def torchvision_model(kind, pick):
    config = architecture(pick)
    config["depths"][0] = 2
    config["window_size"] = [pick.choice([2, 3, 4]), pick.choice([2, 3, 5])]
    is_v2 = kind == "torchvision v2"
    blocks = {"block": tv.SwinTransformerBlockV2, "downsample_layer": tv.PatchMergingV2} if is_v2 else {}
    args = {key: config[key] for key in ("embed_dim", "depths", "num_heads", "window_size", "mlp_ratio")}
    model = tv.SwinTransformer(patch_size=[config["patch_size"]] * 2, num_classes=5, **args, **blocks)
    return model, {**config, "model_type": "swinv2" if is_v2 else "swin"}, [pick.randint(4, 60), pick.randint(4, 60)], None


KINDS = {
    **{
        f"transformers{kind}": transformers_model
        for kind in ("", " v2", " model", " donut", " backbone", " backbone v2")
    },
    **{kind: timm_model for kind in ("timm", "timm v2", "timm backbone")},
    **{kind: torchvision_model for kind in ("torchvision", "torchvision v2")},
}


def outputs_of(kind, model, x):
    if kind == "timm backbone":
        return {f"map{i}": values for i, values in enumerate(model.forward_intermediates(x)[1])}
    result = model(x)
    if "backbone" in kind:
        return {f"map{i}": values for i, values in enumerate(result.feature_maps)}
    if hasattr(result, "last_hidden_state"):
        return {"lastHiddenState": result.last_hidden_state, "poolerOutput": result.pooler_output}
    return {"logits": getattr(result, "logits", result)}


def main(path, seed):
    pick = random.Random(seed)
    tensors = {}
    cases = []
    # Tables that upstream computes at construction are then float64, too.
    torch.set_default_dtype(torch.float64)
    for kind, make in KINDS.items():
        count = 0
        while count < CASES_OF_KIND:
            # Sizes that upstream cannot take are drawn anew, and those for which it gives NaN (Swin V2, windows of 1).
            try:
                model, config, run, features = make(kind, pick)
                shapes = fill(model)
                x = torch.from_numpy(made_up("x", (2, 3, *run), 0.0, 2.0)).double()
                with torch.inference_mode():
                    outputs = outputs_of(kind, model, x)
            except RuntimeError:
                continue
            if not all(values.isfinite().all() for values in outputs.values()):
                continue
            name = f"{kind.replace(' ', '_')}{count}"
            dims = {}
            for output, values in outputs.items():
                dims[output] = list(values.shape)
                own, largest = sample(values.double().numpy(), SAMPLES)
                tensors[f"{name}.{output}"] = np.concatenate([largest, own])
            cases.append({"name": name, "config": config, "run": run, "features": features, "dims": dims, "shapes": shapes})
            count += 1
    about = f"torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}, transformers {transformers.__version__}"
    metadata = {"cases": json.dumps(cases), "seed": str(seed), "about": f"float64, made-up weights (upstreamRandom.py): {about}"}
    save_file(tensors, path, metadata)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
