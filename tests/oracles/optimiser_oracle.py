#!/usr/bin/env python3
"""Writes goldens/optimiser.safetensors: steps of torch.optim.AdamW and SGD, with and without clip_grad_norm_, in float64 and float32.

Run by hand; the result is committed. Pinned: torch 2.15.0, numpy 2.4.6, safetensors 0.8.0, Python 3.11.
The cases, with all their settings, are in the file's metadata; first values and gradients come from formula.py under the names
NAME and NAME/gSTEP. Learning rates fall with the step. Stored per case: CASE/NAME, CASE/exp_avg/NAME, ... after the last step in
float64, CASE/f32/NAME the parameters of the same steps in float32, and CASE/norms, what clip_grad_norm_ returned in float64.
"""
import json
import os

import numpy as np
import torch
from safetensors.numpy import save_file

import formula

here = os.path.dirname(os.path.abspath(__file__))
shapes = {"weight": [37, 23], "bias": [37], "long": [301], "one": [1]}
steps = 7
cases, stored = [], {}


def run(case, dtype):
    """Parameters, state and norms after `steps` steps; the gradients are scaled by the case's `gradient`."""
    parameters = {n: torch.nn.Parameter(torch.from_numpy(formula.uniform(n, s)).to(dtype)) for n, s in shapes.items()}
    if case["op"] == "adamw":
        optimiser = torch.optim.AdamW(parameters.values(), lr=1, betas=case["betas"], eps=case["eps"], weight_decay=case["weight_decay"], foreach=False)
    else:
        optimiser = torch.optim.SGD(parameters.values(), lr=1, momentum=0.9, nesterov=True, weight_decay=case["weight_decay"], foreach=False)
    norms = []
    for step in range(steps):
        for name, p in parameters.items():
            p.grad = torch.from_numpy(formula.uniform(f"{name}/g{step}", shapes[name], case["gradient"])).to(dtype)
        if case["clip_norm"]:
            norms.append(float(torch.nn.utils.clip_grad_norm_(parameters.values(), case["clip_norm"], foreach=False)))
        optimiser.param_groups[0]["lr"] = case["lr"] / (1 + step)
        optimiser.step()
    return parameters, optimiser.state, norms


def keep(name, **case):
    case = {"name": name, "steps": steps, "shapes": shapes, "clip_norm": 0, "gradient": 1.0, **case}
    parameters, state, norms = run(case, torch.float64)
    for n, p in parameters.items():
        stored[f"{name}/{n}"] = p.detach().numpy()
        for key, value in state[p].items():
            if key != "step":
                stored[f"{name}/{'momentum' if key == 'momentum_buffer' else key}/{n}"] = value.numpy()
    for n, p in run(case, torch.float32)[0].items():
        stored[f"{name}/f32/{n}"] = p.detach().numpy()
    if norms:
        stored[f"{name}/norms"] = np.array(norms)
    cases.append(case)


adamw = dict(op="adamw", betas=[0.9, 0.999], eps=1e-8, weight_decay=0.01, lr=0.01)
keep("adamw", **adamw)
keep("adamw_other", **{**adamw, "betas": [0.5, 0.9], "eps": 1e-3, "weight_decay": 0.3, "lr": 0.1})
keep("adamw_tiny", **{**adamw, "gradient": 2.0**-40})
keep("adamw_clipped", **adamw, clip_norm=5.0)
keep("sgd_clipped", op="sgd", weight_decay=0.01, lr=0.1, clip_norm=5.0)
keep("sgd_short", op="sgd", weight_decay=0.01, lr=0.1, clip_norm=1000.0)

save_file({k: np.ascontiguousarray(v) for k, v in stored.items()},
          os.path.join(here, "goldens", "optimiser.safetensors"), {"torch": torch.__version__, "cases": json.dumps(cases)})
print(len(cases), "cases,", len(stored), "tensors")
