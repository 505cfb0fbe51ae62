#!/usr/bin/env python3
"""Writes goldens/grad_cam_*.safetensors: Grad-CAM (Selvaraju et al., ICCV 2017) of COVID-MTL in float64, by PyTorch.

Run by hand (torch 2.15.0); the results are committed. Net, weights and inputs are covid_mtl_oracle.py's. Each
file holds its case as JSON in the metadata, and per task K (from 1)
  logits_K          (1, classes)
  cam_K_C           (d, h, w): ReLU(sum_c mean(d logit_C / d map_c) map_c) of the volume branch's maps
  spread_K_C        the same at every voxel of the input, trilinear, cell n at voxel 32 n, clamped (formula.subset)
"""
import json
import os

import torch
from safetensors.numpy import save_file

import formula
from covid_mtl_oracle import here, inputs, load, make_case

CASES = [make_case("cam_full", size=[1, 65, 70, 40], training=False),
         make_case("cam_volume", features=False, classes=[2, 2], size=[1, 40, 97, 64], training=False)]


def spread(cam, size):
    """grid_sample wants coordinates from -1 to 1, which align_corners puts on the outermost centres."""
    axes = []
    for cells, voxels in zip(cam.shape, size):
        at = torch.arange(voxels, dtype=cam.dtype) / 32
        axes.append(2 * at / (cells - 1) - 1 if cells > 1 else torch.zeros_like(at))
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack([x, y, z], -1)[None]
    return torch.nn.functional.grid_sample(cam[None, None], grid, "bilinear", "border", align_corners=True)[0, 0]


def cams(case, dtype):
    model, kept = load(case, dtype), []
    model.features.features.register_forward_hook(lambda _, __, y: kept.append(y))
    logits = model(*inputs(case, dtype))
    out = {}
    for k, one in enumerate(logits, 1):
        out[f"logits_{k}"] = one.detach()
        for c in range(one.shape[1]):
            gradient, = torch.autograd.grad(one[0, c], kept[0], retain_graph=True)
            weights = gradient.mean((2, 3, 4), keepdim=True)
            cam = torch.relu((weights * kept[0]).sum(1))[0].detach()
            out[f"cam_{k}_{c}"] = cam
            out[f"spread_{k}_{c}"] = spread(cam, case["size"][1:])
    return out


for case in CASES:
    exact, single = cams(case, torch.float64), cams(case, torch.float32)
    largest = max(v.max().item() for k, v in exact.items() if k.startswith("cam"))
    print(case["name"], {k: tuple(v.shape) for k, v in exact.items() if "spread" not in k}, "largest", largest,
          "float32 differs by %.1e of it" % (max((v - single[k].double()).abs().max().item()
                                                 for k, v in exact.items() if k.startswith("cam")) / largest))
    save_file({k: formula.subset(k, v.numpy()) if k.startswith("spread") else v.numpy() for k, v in exact.items()},
              os.path.join(here, f"grad_{case['name']}.safetensors"),
              {"torch": torch.__version__, "case": json.dumps(case)})
