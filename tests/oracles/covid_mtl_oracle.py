#!/usr/bin/env python3
"""Writes goldens/net_*.safetensors and goldens/state_dicts.txt: COVID-MTL in float64, by PyTorch.

Run by hand; the results are committed. Pinned: torch 2.13.0, numpy 2.4.6, safetensors 0.8.0, Python 3.11.
Weights and inputs come from formula.py under the parameter's name and CASE/volume, CASE/features. Each file holds its case
as JSON in the metadata, and
  logits_K                  (N, classes)
  grad/NAME, norm/NAME      gradient of sum_k weights_k CE_k: up to 1000 elements (formula.subset), and the norm of all
  moved/NAME                movement of a parameter in one SGD step (lr 0.005, Nesterov 0.9, weight decay 5e-5), same elements
  after/NAME                running statistics after the training pass
A ReLU or a pooling winner within rounding of flipping moves gradients by up to 1e-2, whoever computes them: of many
variants of a case's inputs that one is taken whose kinks are farthest from flipping (in units of float32's error there,
estimated from runs with weights perturbed by 1e-7). Names of cases as arguments write these alone; --float32 prints, for
the committed files, how far PyTorch's own float32 is from float64.
"""
import json
import os
import sys

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from torch import nn

import formula

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens")
SGD = dict(lr=0.005, momentum=0.9, weight_decay=5e-5, nesterov=True)
STAGES = [[(64, 32, 64, False), (128, 32, 64, True)], [(128, 64, 128, False), (256, 64, 128, True)],
          [(256, 96, 192, False), (384, 96, 192, True)], [(384, 128, 256, False), (512, 128, 256, True)]]


def norm3d(channels):
    return nn.BatchNorm3d(channels, eps=1e-3, momentum=0.01)


class Fire(nn.Module):
    def __init__(self, cin, squeeze, expand, bypass):
        super().__init__()
        self.bypass, self.relu = bypass, nn.ReLU()
        for name, conv in (("squeeze", nn.Conv3d(cin, squeeze, 1)), ("expand1x1", nn.Conv3d(squeeze, expand, 1)),
                           ("expand3x3", nn.Conv3d(squeeze, expand, 3, padding=1))):
            self.add_module(name, conv)
            self.add_module(name + "_bn", norm3d(conv.out_channels))

    def forward(self, x):
        s = self.relu(self.squeeze_bn(self.squeeze(x)))
        y = torch.cat([self.expand1x1_bn(self.expand1x1(s)), self.expand3x3_bn(self.expand3x3(s))], dim=1)
        return self.relu(y + x if self.bypass else y)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.convbn = nn.Sequential(nn.Conv3d(1, 64, 3, stride=2, padding=1), norm3d(64), nn.ReLU())
        layers = []
        for stage in STAGES:
            layers += [nn.MaxPool3d(3, stride=2, padding=1), *(Fire(*fire) for fire in stage)]
        self.features = nn.Sequential(*layers)


class Afnn(nn.Module):
    def __init__(self, count):
        super().__init__()
        sizes = [count, 256, 128, 64]
        self.features = nn.Sequential(*(m for a, b in zip(sizes, sizes[1:]) for m in (nn.Linear(a, b), nn.ReLU())))
        self.classifier = nn.Linear(64, 32)


class CovidMtl(nn.Module):
    def __init__(self, case):
        super().__init__()
        if case["features"]:
            self.radioFNN = Afnn(375)
        if case["volume"]:
            self.features = Backbone()
        for k, classes in enumerate(case["classes"], 1):
            if case["volume"]:
                self.add_module(f"classifier{k}_", nn.Sequential(nn.Dropout(0.3), nn.Conv3d(512, 32, 1), nn.ReLU(),
                                                                 nn.AdaptiveAvgPool3d(1)))
            self.add_module(f"classifier{k}", nn.Sequential(nn.ReLU(), nn.Linear(32 * (case["volume"] + case["features"]), classes)))
        self.case = case

    def drop(self, x, k):
        p, seed, step = self.case["dropout"], self.case["seed"], self.case["step"]
        if p == 0 or not self.training:
            return x
        last = [x.shape[0], *x.shape[2:], x.shape[1]]
        mask = formula.dropout_mask(seed ^ formula.fnv1a(f"classifier{k}", 64), "dropout", step, last, p)
        return x * torch.from_numpy(np.moveaxis(mask, -1, 1).copy()).to(x.dtype) / (1 - p)

    def forward(self, volume, features):
        parts, case = [], self.case
        if case["volume"]:
            x = self.features.convbn(volume)
            if self.training and case["plan"]:
                plan = np.array(case["plan"]).reshape(*x.shape[:2], 2)
                x = torch.stack([torch.stack([torch.roll(x[n, c], int(plan[n, c, 1]), int(plan[n, c, 0]))
                                              for c in range(x.shape[1])]) for n in range(x.shape[0])])
            x = self.features.features(x)
        if case["features"]:
            f = self.radioFNN.classifier(self.radioFNN.features(features))
        logits = []
        for k in range(1, len(case["classes"]) + 1):
            parts = []
            if case["volume"]:
                head = getattr(self, f"classifier{k}_")
                parts.append(head[3](head[2](head[1](self.drop(x, k)))).flatten(1))
            if case["features"]:
                parts.append(f)
            logits.append(getattr(self, f"classifier{k}")(torch.cat(parts, 1)))
        return logits


def drawn_plan(case, channels=64, p=0.5):
    """Shift3D's draws as engine/operators/shift3d.hpp lays them out; max_shift 0.2."""
    n = case["size"][0]
    grid = [(s - 1) // 2 + 1 for s in case["size"][1:]]
    key = formula.key("shift3d", case["step"])
    shifted = formula.uniform_float(formula.philox(case["seed"], key, np.arange(n))[:, 0]) <= p
    drawn = formula.philox(case["seed"], key, (1 << 32) + np.arange(n * channels))
    plan = np.zeros((n, channels, 2), np.int64)
    for i in np.flatnonzero(np.repeat(shifted, channels)):
        axis = (int(drawn[i, 0]) * 3) >> 32
        amount = (int(drawn[i, 1]) * (int(0.2 * grid[axis]) + 1)) >> 32
        plan[i // channels, i % channels] = axis, -amount if drawn[i, 2] >> 31 else amount
    assert shifted.any() and not shifted.all(), shifted
    return plan.reshape(-1).tolist()


def fixed_plan(name, n, size):
    axis = formula.words(name + "/axis", n * 64) % 3
    reach = (np.array([(s - 1) // 2 + 1 for s in size])[axis] * 0.2).astype(np.int64)
    amount = formula.words(name + "/amount", n * 64).astype(np.int64) % (2 * reach + 1) - reach
    return np.stack([axis.astype(np.int64), amount], -1).reshape(-1).tolist()


def make_case(name, **given):
    case = dict(name=name, volume=True, features=True, classes=[2, 2, 3], size=[2, 33, 40, 36], training=True, dropout=0.0,
                plan=None, drawn=False, seed=0, step=0, variant=0, weights=[0.5, 0.3, 0.2], labels=[[0, 1], [1, -1], [2, 0]])
    case.update(given)
    if case["drawn"]:
        case["plan"] = drawn_plan(case)
    return case


CASES = [
    make_case("full_train"),
    make_case("full_eval", training=False, size=[2, 33, 40, 36]),
    make_case("full_shift", plan=fixed_plan("full_shift", 2, [33, 40, 36])),
    make_case("full_random", size=[3, 31, 34, 45], drawn=True, dropout=0.3, seed=(1 << 33) + 77, step=41,
              labels=[[0, 1, 1], [1, -1, 0], [2, 0, 1]]),
    make_case("volume3_train", features=False),
    make_case("volume3_eval", features=False, training=False, size=[1, 33, 40, 50], labels=[[1], [-1], [0]]),
    make_case("volume2_train", features=False, classes=[2, 2], weights=[0.25, 0.75], labels=[[0, 1], [1, -1]]),
    make_case("volume2_eval", features=False, classes=[2, 2], training=False, size=[2, 34, 32, 41], weights=[0.25, 0.75], labels=[[0, 1], [1, -1]]),
    make_case("features3", volume=False, size=[6], labels=[[0, 1, -1, 1, 0, 0], [1, -1, 1, 1, 0, 0], [2, 0, 1, -1, -1, 2]]),
    make_case("features2", volume=False, classes=[2, 2], size=[3], weights=[0.25, 0.75], labels=[[0, 1, 1], [1, -1, 0]]),
]


def load(case, dtype, perturbation=None):
    model = CovidMtl(case)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.from_numpy(formula.parameter(name, tuple(value.shape))))
    if perturbation is not None:
        generator = torch.Generator().manual_seed(perturbation)
        for p in model.parameters():
            p.data *= 1 + 1e-7 * torch.randn(p.shape, generator=generator)
    return model.to(dtype).train(case["training"])


def inputs(case, dtype):
    name, size = f"{case['name']}/{case['variant']}", case["size"]
    volume = torch.from_numpy(formula.volume(f"{name}/volume", (size[0], 1, *size[1:]))) if case["volume"] else None
    features = torch.from_numpy(formula.uniform(f"{name}/features", (size[0], 375), 0.5, 0.5)) if case["features"] else None
    return [v if v is None else v.to(dtype) for v in (volume, features)]


def loss_of(case, logits):
    """A task without any known label counts 0 (PyTorch alone would say NaN), and its gradients are zeros."""
    return sum(w * nn.functional.cross_entropy(o, torch.tensor(y), ignore_index=-1) if max(y) >= 0 else 0 * o.sum()
               for w, o, y in zip(case["weights"], logits, case["labels"]))


def run(case, dtype, perturbation=None):
    model = load(case, dtype, perturbation)
    start = {k: v.clone() for k, v in model.state_dict().items()}
    optimiser = torch.optim.SGD(model.parameters(), **SGD)
    logits = model(*inputs(case, dtype))
    loss = loss_of(case, logits)
    loss.backward()
    optimiser.step()
    return model, start, logits, loss


def float32_figures(case, exact, perturbation=None):
    """PyTorch's float32 against float64: worst logit (of the largest), worst and median gradient, worst true zero."""
    pairs = run(case, torch.float32, perturbation)
    logits = max(((a.double() - b).abs().max() / b.abs().max()).item() for a, b in zip(pairs[2], exact[2]))
    errors, zeros = [], [0.0]
    for p, q in zip(pairs[0].parameters(), exact[0].parameters()):
        if q.grad.norm() < 1e-9:
            zeros.append(p.grad.abs().max().item())
        else:
            errors.append(((p.grad.double() - q.grad).norm() / q.grad.norm()).item())
    return logits, max(errors), float(np.median(errors)), max(zeros)


def forward_kinks(case, dtype, perturbation=None):
    """Logits, and what every ReLU sees; of a pooling the lead of each positive winner over the second."""
    model, kinks = load(case, dtype, perturbation), []

    def watch_pool(_, x):
        windows = nn.functional.pad(x[0].detach(), 6 * [1]).unfold(2, 3, 2).unfold(3, 3, 2).unfold(4, 3, 2)
        first, second = windows.flatten(5).topk(2).values.unbind(-1)
        kinks.append(torch.where(first > 0, first - second, torch.inf).double())
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            m.register_forward_pre_hook(lambda _, x: kinks.append(x[0].detach().double()))
        if isinstance(m, nn.MaxPool3d):
            m.register_forward_pre_hook(watch_pool)
    with torch.no_grad():
        return [o.double() for o in model(*inputs(case, dtype))], kinks


def steadiness(case):
    """Smallest distance of a kink from flipping in units of the rms error of its channel; worst logit error."""
    logits, exact = forward_kinks(case, torch.float64)
    square, worst = [0.0] * len(exact), 0.0
    perturbations = (None, 1, 2)
    for p in perturbations:
        other, kinks = forward_kinks(case, torch.float32, p)
        worst = max(worst, *(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(other, logits)))
        for i, (a, b) in enumerate(zip(kinks, exact)):
            error = torch.where(torch.isfinite(a) & torch.isfinite(b), a - b, 0.0)
            square[i] = square[i] + error.square().mean([d for d in range(error.ndim) if d != 1], keepdim=True)
    # An exact zero is the mean of a silent channel: nothing flows there either way.
    margin = min((torch.where(b == 0, torch.inf, b.abs()) / (e / len(perturbations)).sqrt().clamp_min(1e-12)).min().item()
                 for b, e in zip(exact, square))
    return margin, worst


def steadiest(case, variants=40):
    if not case["volume"]:
        return case
    found = {v: steadiness(dict(case, variant=v)) for v in range(variants)}
    best = max(found, key=lambda v: min(found[v][0] / 4.0, 4e-6 / found[v][1]))
    print(case["name"], "variant", best, "margin %.2f, logits %.1e" % found[best],
          "of", " ".join("%.2f:%.0e" % f for f in found.values()), flush=True)
    return dict(case, variant=best)


def golden(case):
    model, start, logits, loss = run(case, torch.float64)
    out = {f"logits_{k}": v for k, v in enumerate(logits, 1)}
    out["loss"] = loss.reshape(1)
    out = {k: v.detach().numpy().astype(np.float32) for k, v in out.items()}
    for name, p in model.named_parameters():
        out[f"grad/{name}"] = formula.subset(name, p.grad.numpy()).astype(np.float32)
        out[f"norm/{name}"] = np.array([p.grad.norm().item()])
        out[f"moved/{name}"] = formula.subset(name, (p.detach() - start[name]).numpy()).astype(np.float32)
    if case["training"]:
        for name, b in model.named_buffers():
            if b.is_floating_point():
                out[f"after/{name}"] = b.numpy().astype(np.float32)
    save_file(out, os.path.join(here, f"net_{case['name']}.safetensors"), {"torch": torch.__version__, "case": json.dumps(case)})
    print(case["name"], "loss", loss.item(), "logits", [v.detach().abs().max().item() for v in logits])


def trajectory(case, steps):
    """The feature network over several steps on one batch: loss of every step, weights at the end."""
    model = load(case, torch.float64)
    optimiser = torch.optim.SGD(model.parameters(), **SGD)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = loss_of(case, model(*inputs(case, torch.float64)))
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
    out = {f"after/{k}": formula.subset(k, v.numpy()).astype(np.float32) for k, v in model.state_dict().items()}
    out["losses"] = np.array(losses)
    save_file(out, os.path.join(here, f"trajectory_{case['name']}.safetensors"), {"torch": torch.__version__, "case": json.dumps(case)})
    print("trajectory", case["name"], losses)


def state_dicts():
    with open(os.path.join(here, "state_dicts.txt"), "w") as f:
        for name, volume, features, classes in (("full", True, True, [2, 2, 3]), ("volume3", True, False, [2, 2, 3]),
                                                ("volume2", True, False, [2, 2]), ("features3", False, True, [2, 2, 3])):
            f.write(f"[{name}]\n")
            for k, v in CovidMtl(make_case(name, volume=volume, features=features, classes=classes)).state_dict().items():
                if v.is_floating_point():
                    f.write(f"{k} {'x'.join(map(str, v.shape))}\n")


if __name__ == "__main__":
    torch.set_num_threads(2)
    if "--float32" in sys.argv:
        for case in CASES:
            with safe_open(os.path.join(here, f"net_{case['name']}.safetensors"), "np") as f:
                case = json.loads(f.metadata()["case"])
            print("%-14s logits %.1e, gradients worst %.1e median %.1e, true zeros %.1e" %
                  (case["name"], *float32_figures(case, run(case, torch.float64))))
    else:
        state_dicts()
        for case in CASES:
            if len(sys.argv) == 1 or case["name"] in sys.argv:
                golden(steadiest(case))
        trajectory(make_case("features3", volume=False, size=[6], labels=CASES[8]["labels"]), 10)
