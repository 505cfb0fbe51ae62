#!/usr/bin/env python3
"""Learning rates of torch.optim.lr_scheduler, step by step -> goldens/schedule.json.

    pip install torch && tests/oracles/schedule_oracle.py
"""
import json
import pathlib

import torch
from torch.optim import lr_scheduler as s

PER_EPOCH = 4


def rates(make, steps, by_epoch=False, lr=0.05):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = make(optimiser)
    out = []
    for step in range(steps):
        out.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if not by_epoch or (step + 1) % PER_EPOCH == 0:
            scheduler.step()
    return out


def climb(o, steps):
    return s.LinearLR(o, start_factor=1 / (steps + 1), total_iters=steps)


def warm_cosine(o, warm, steps):
    return s.SequentialLR(o, [climb(o, warm), s.CosineAnnealingLR(o, T_max=steps - warm)], milestones=[warm])


CASES = {
    "constant": (dict(schedule="constant"), lambda: rates(lambda o: s.ConstantLR(o, factor=1), 24)),
    "cosine": (dict(schedule="cosine"), lambda: rates(lambda o: s.CosineAnnealingLR(o, T_max=24), 24)),
    "every 2": (dict(schedule="step", step_epochs=[2], step_factor=0.3),
                lambda: rates(lambda o: s.StepLR(o, 2, 0.3), 24, True)),
    "at 1 and 4": (dict(schedule="step", step_epochs=[1, 4], step_factor=0.1),
                   lambda: rates(lambda o: s.MultiStepLR(o, [1, 4], 0.1), 24, True)),
    "warm constant": (dict(schedule="constant", warmup_epochs=2), lambda: rates(lambda o: climb(o, 8), 24)),
    "warm cosine": (dict(schedule="cosine", warmup_epochs=2), lambda: rates(lambda o: warm_cosine(o, 8, 24), 24)),
    "warm step": (dict(schedule="step", step_epochs=[1, 4], step_factor=0.1, warmup_epochs=2),
                  lambda: rates(lambda o: s.ChainedScheduler(
                      [climb(o, 8), s.MultiStepLR(o, [PER_EPOCH, 4 * PER_EPOCH], 0.1)]), 24)),
}

golden = {name: {"settings": settings, "rates": make()} for name, (settings, make) in CASES.items()}
path = pathlib.Path(__file__).parent / "goldens" / "schedule.json"
path.write_text(json.dumps({"torch": torch.__version__, "lr": 0.05, "per_epoch": PER_EPOCH, "cases": golden}, indent=1) + "\n")
