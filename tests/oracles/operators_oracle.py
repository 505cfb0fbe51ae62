#!/usr/bin/env python3
"""Writes goldens/operators.safetensors: results and gradients of every operator in float64, by PyTorch.

Run by hand; the result is committed. Pinned: torch 2.15.0, numpy 2.4.6, safetensors 0.8.0, Python 3.11.
The cases, with all their settings, are in the file's metadata; inputs and upstream gradients come from formula.py under the
names CASE/x, CASE/weight, ..., CASE/dy. Stored per case: CASE/y and CASE/d<input>, in PyTorch's order of axes.
"""
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

import formula

here = os.path.dirname(os.path.abspath(__file__))
cases, stored = [], {}


def tensor(case, name, shape, scale=1.0, offset=0.0):
    values = formula.uniform(f"{case['name']}/{name}", shape, scale, offset)
    if case.get("quantised"):  # many equal values and zeros: ties of pooling, the edge of ReLU
        values = np.floor(values * 4) / 4
    return torch.from_numpy(values.astype(np.float64)).requires_grad_()


def keep(case, y, **inputs):
    dy = torch.from_numpy(formula.uniform(f"{case['name']}/dy", tuple(y.shape)).astype(np.float64))
    (y * dy).sum().backward()
    stored[f"{case['name']}/y"] = y.detach()
    for name, value in inputs.items():
        if value is not None and value.grad is not None:
            stored[f"{case['name']}/d{name}"] = value.grad
    cases.append(case)


def conv3d(name, shape, out, kernel, stride=1, padding=0, bias=True):
    case = dict(name=name, op="conv3d", x=shape, weight=[out, shape[1]] + 3 * [kernel], stride=stride, padding=padding, bias=bias)
    x, w = tensor(case, "x", shape), tensor(case, "weight", case["weight"], 0.25)
    b = tensor(case, "bias", [out]) if bias else None
    keep(case, F.conv3d(x, w, b, stride, padding), x=x, weight=w, bias=b)


def batch_norm3d(name, shape, training, relu):
    case = dict(name=name, op="batch_norm3d", x=shape, training=training, relu=relu)
    c = [shape[1]]
    x, w, b = tensor(case, "x", shape, 2.0, 0.5), tensor(case, "weight", c, 0.5, 1.0), tensor(case, "bias", c)
    mean, var = tensor(case, "mean", c).detach(), tensor(case, "var", c, 0.5, 1.0).detach()
    y = F.batch_norm(x, mean, var, w, b, training, 0.01, 1e-3)
    keep(case, F.relu(y) if relu else y, x=x, weight=w, bias=b)
    stored[f"{name}/mean"], stored[f"{name}/var"] = mean, var


def pool(name, op, shape, quantised=False, **options):
    case = dict(name=name, op=op, x=shape, quantised=quantised, **options)
    x = tensor(case, "x", shape)
    args = [options[k] for k in ("kernel", "stride", "padding") if k in options]
    function = {"max_pool3d": F.max_pool3d, "avg_pool3d": F.avg_pool3d,
                "global_avg_pool3d": lambda v: v.mean((2, 3, 4))}[op]
    keep(case, function(x, *args), x=x)


def elementwise(name, op, shapes, **options):
    case = dict(name=name, op=op, shapes=shapes, **options)
    x = [tensor(case, f"x{i}", s) for i, s in enumerate(shapes)]
    y = {"relu": lambda: F.relu(x[0]), "add": lambda: x[0] + x[1], "concat": lambda: torch.cat(x, 1)}[op]()
    keep(case, y, **{f"x{i}": v for i, v in enumerate(x)})


def linear(name, n, i, o, bias=True):
    case = dict(name=name, op="linear", x=[n, i], weight=[o, i], bias=bias)
    x, w = tensor(case, "x", [n, i]), tensor(case, "weight", [o, i], 0.25)
    b = tensor(case, "bias", [o]) if bias else None
    keep(case, F.linear(x, w, b), x=x, weight=w, bias=b)


def dropout(name, shape, p, seed, step):
    case = dict(name=name, op="dropout", x=shape, p=p, seed=seed, step=step)
    x = tensor(case, "x", shape)
    last = [shape[0], *shape[2:], shape[1]]
    mask = np.moveaxis(formula.dropout_mask(seed, "test", step, last, p), -1, 1)
    keep(case, x * torch.from_numpy(mask) / (1 - p), x=x)


def shift3d(name, shape, fill=None):
    n, c = shape[:2]
    axis = formula.words(f"{name}/axis", n * c) % 3
    reach = np.array(shape[2:])[axis]
    amount = formula.words(f"{name}/amount", n * c).astype(np.int64) % (2 * reach + 1) - reach  # up to the whole axis
    plan = np.stack([axis.astype(np.int64), amount], -1)
    case = dict(name=name, op="shift3d", x=shape, fill=fill, plan=plan.reshape(-1).tolist())
    x = tensor(case, "x", shape)
    rows = []
    for i in range(n * c):
        a, s = int(plan[i, 0]), int(plan[i, 1])
        y = torch.roll(x[i // c, i % c], s, a)
        if fill is not None and s != 0:
            where = torch.arange(y.shape[a])
            moved_in = where < s if s > 0 else where >= y.shape[a] + s
            y = torch.where(moved_in.reshape([-1 if k == a else 1 for k in range(3)]), torch.tensor(fill, dtype=y.dtype), y)
        rows.append(y)
    keep(case, torch.stack(rows).reshape(shape), x=x)


def cross_entropy(name, labels, classes, scale=3.0, weights=None):
    """weights: of the classes, exact in float32."""
    case = dict(name=name, op="softmax_cross_entropy", x=[len(labels), classes], labels=labels, scale=scale, weights=weights)
    x = tensor(case, "x", case["x"], scale)
    w = torch.tensor(weights, dtype=torch.float64) if weights else None
    keep(case, F.cross_entropy(x, torch.tensor(labels), w, ignore_index=-1).reshape(1), x=x)


def loss_sum(name, weights):
    """weights: constants, or None for uncertainty weights."""
    count = 3 if weights is None else len(weights)
    case = dict(name=name, op="weighted_sum" if weights else "uncertainty_sum", count=count, weights=weights)
    losses = [tensor(case, f"x{i}", [1], 0.5, 1.0) for i in range(count)]
    s = None if weights else tensor(case, "s", [3])
    y = (sum(w * v for w, v in zip(weights, losses)) if weights
         else sum(torch.exp(-s[i]) * v + s[i] / 2 for i, v in enumerate(losses)))
    keep(case, y.reshape(1), s=s, **{f"x{i}": v for i, v in enumerate(losses)})


conv3d("conv_k1", [2, 16, 4, 5, 6], 24, 1)
conv3d("conv_k1_odd", [1, 5, 3, 4, 7], 3, 1, bias=False)
conv3d("conv_k3", [2, 8, 5, 6, 7], 16, 3, 1, 1)
conv3d("conv_k3_valid", [1, 4, 5, 5, 6], 6, 3)
conv3d("conv_k3_stem", [2, 1, 9, 8, 11], 16, 3, 2, 1)
conv3d("conv_k3_stride2", [1, 6, 8, 7, 5], 5, 3, 2, 1, bias=False)
conv3d("conv_k5", [1, 3, 6, 7, 6], 8, 5, 1, 2)
conv3d("conv_k5_stem", [2, 1, 9, 10, 8], 8, 5, 2, 2)
conv3d("conv_k1_stride2", [1, 8, 5, 6, 4], 8, 1, 2)
conv3d("conv_k3_thin", [1, 16, 1, 1, 2], 16, 3, 1, 1)
for training in (True, False):
    for relu in (True, False):
        batch_norm3d(f"bn_{'train' if training else 'eval'}{'_relu' if relu else ''}", [2, 12, 4, 3, 5], training, relu)
pool("max_pool_k3s2", "max_pool3d", [2, 8, 7, 6, 5], kernel=3, stride=2, padding=1)
pool("max_pool_ties", "max_pool3d", [2, 8, 7, 6, 5], True, kernel=3, stride=2, padding=1)
pool("max_pool_k2s2", "max_pool3d", [1, 5, 6, 7, 4], kernel=2, stride=2, padding=0)
pool("max_pool_k3s1", "max_pool3d", [1, 4, 4, 3, 5], True, kernel=3, stride=1, padding=1)
pool("avg_pool_k3s2", "avg_pool3d", [2, 8, 7, 6, 5], kernel=3, stride=2, padding=1)
pool("avg_pool_k2s2", "avg_pool3d", [1, 5, 6, 7, 4], kernel=2, stride=2, padding=0)
pool("global_avg_pool", "global_avg_pool3d", [3, 7, 4, 3, 5])
elementwise("relu", "relu", [[2, 9, 3, 4, 5]])
elementwise("relu_zeros", "relu", [[2, 9, 3, 4, 5]], quantised=True)
elementwise("add", "add", [[2, 9, 3, 4, 5]] * 2)
elementwise("concat", "concat", [[2, 4, 3, 4, 5], [2, 7, 3, 4, 5], [2, 1, 3, 4, 5]])
elementwise("concat_flat", "concat", [[5, 32], [5, 32]])
linear("linear", 7, 33, 5)
linear("linear_bare", 1, 64, 3, False)
dropout("dropout", [2, 6, 3, 4, 5], 0.3, 20260101, 7)
dropout("dropout_wide", [1, 3, 3, 3, 3], 0.75, (1 << 40) + 5, 123456789)
shift3d("shift_circular", [2, 8, 5, 4, 6])
shift3d("shift_constant", [2, 8, 5, 4, 6], 0.5)
cross_entropy("cross_entropy", [0, 2, 1, 2, 0], 3)
cross_entropy("cross_entropy_missing", [1, -1, 0, -1, 1, 1], 2)
cross_entropy("cross_entropy_large", [0, 1, 2], 3, 200.0)
cross_entropy("cross_entropy_weighted", [0, 2, 1, -1, 2, 0, 0], 3, weights=[0.5, 2.25, 1.75])
cross_entropy("cross_entropy_zero_weight", [1, 0, -1, 1], 2, weights=[0.0, 3.0])
loss_sum("weighted_sum", [0.5, 0.3, 0.2])
loss_sum("weighted_sum_two", [0.25, 0.75])
loss_sum("uncertainty_sum", None)

save_file({k: np.ascontiguousarray(v.numpy().astype(np.float32)) for k, v in stored.items()},
          os.path.join(here, "goldens", "operators.safetensors"), {"torch": torch.__version__, "cases": json.dumps(cases)})
print(len(cases), "cases,", len(stored), "tensors")
