#!/usr/bin/env python3
"""Times the network of `cmtl_bench net` in PyTorch, in the same words:

    net_torch.py --mode infer|train --size DxHxW --batch N --dtype f32|bf16 --device cuda:0 --json F

Both memory layouts are timed and the faster one is reported, without torch.compile unless --compile is given. TF32 is on for f32,
as cmtl's tensor-core kernels use it; bf16 is autocast. Shift3D is left out, which is to PyTorch's advantage.
"""
import argparse
import json
import statistics
import sys
import time

import torch
from torch import nn

CLASSES = (2, 2, 3)


def conv_norm(cin, cout, kernel, **options):
    return nn.Sequential(nn.Conv3d(cin, cout, kernel, padding=kernel // 2, **options), nn.BatchNorm3d(cout, eps=1e-3, momentum=0.01))


class Fire(nn.Module):
    def __init__(self, cin, squeeze, expand, bypass):
        super().__init__()
        self.squeeze, self.bypass = conv_norm(cin, squeeze, 1), bypass
        self.expand1, self.expand3 = conv_norm(squeeze, expand, 1), conv_norm(squeeze, expand, 3)

    def forward(self, x):
        s = torch.relu(self.squeeze(x))
        y = torch.cat((self.expand1(s), self.expand3(s)), 1)
        return torch.relu(y + x if self.bypass else y)


class Head(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.image = nn.Sequential(nn.Dropout(0.3), nn.Conv3d(512, 32, 1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
        self.out = nn.Linear(64, classes)

    def forward(self, x, f):
        return self.out(torch.relu(torch.cat((self.image(x), f), 1)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [conv_norm(1, 64, 3, stride=2), nn.ReLU()]
        cin = 64
        for squeeze, expand in ((32, 64), (64, 128), (96, 192), (128, 256)):
            layers += [nn.MaxPool3d(3, 2, 1), Fire(cin, squeeze, expand, False), Fire(2 * expand, squeeze, expand, True)]
            cin = 2 * expand
        self.image = nn.Sequential(*layers)
        self.features = nn.Sequential(nn.Linear(375, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(),
                                      nn.Linear(64, 32))
        self.heads = nn.ModuleList(Head(classes) for classes in CLASSES)

    def forward(self, volume, features):
        x, f = self.image(volume), self.features(features)
        return [head(x, f) for head in self.heads]


def measure(options, layout):
    device = torch.device(options.device)
    on_gpu = device.type == "cuda"
    torch.manual_seed(0)
    net = Net().to(device, memory_format=layout)
    count = sum(p.numel() for p in net.parameters())
    assert count == 3_848_199, count
    volume = torch.randn(options.batch, 1, *options.size, device=device).contiguous(memory_format=layout)
    features = torch.randn(options.batch, 375, device=device)
    labels = [(torch.arange(options.batch, device=device) + k) % classes for k, classes in enumerate(CLASSES)]
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=options.dtype == "bf16")
    optimiser = torch.optim.SGD(net.parameters(), 0.005, 0.9, weight_decay=5e-5, nesterov=True)
    net.train(options.mode == "train")
    forward = torch.compile(net) if options.compile else net

    def infer():
        with torch.inference_mode(), autocast:
            forward(volume, features)

    def train():
        with autocast:
            logits = forward(volume, features)
        weights = torch.distributions.Dirichlet(torch.ones(3, device=device)).sample((2,)).mean(0)
        losses = torch.stack([nn.functional.cross_entropy(l.float(), y) for l, y in zip(logits, labels)])
        (weights * losses).sum().backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    step = train if options.mode == "train" else infer
    seconds = []
    for i in range(options.repeats + 3):  # the first ones choose algorithms
        if on_gpu:
            torch.cuda.synchronize()
        start = time.perf_counter()
        step()
        if on_gpu:
            torch.cuda.synchronize()
        if i >= 3:
            seconds.append(time.perf_counter() - start)
    return seconds, torch.cuda.max_memory_allocated() if on_gpu else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=("infer", "train"), default="infer")
    parser.add_argument("--size", default="200x250x250", help="DxHxW voxels")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    size, options.size = options.size, [int(n) for n in options.size.split("x")]
    if len(options.size) != 3:
        parser.error("--size is DxHxW")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True

    best = None
    for name, layout in (("channels_last", torch.channels_last_3d), ("channels_first", torch.contiguous_format)):
        try:
            seconds, peak = measure(options, layout)
        except torch.cuda.OutOfMemoryError as error:
            print(f"{name}: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        median = statistics.median(seconds)
        print(f"{name}: median {median:.4f} s")
        if best is None or median < best["median_s"]:
            best = {"mode": options.mode, "size": size, "batch": options.batch, "dtype": options.dtype, "device": options.device,
                    "layout": name, "compiled": options.compile, "repeats": options.repeats, "median_s": median,
                    "min_s": min(seconds), "max_s": max(seconds), "peak_bytes": peak, "torch": torch.__version__,
                    "cudnn": torch.backends.cudnn.version()}
    if best is None:
        sys.exit("net_torch.py: error: out of memory")
    print(f"PyTorch {torch.__version__} {options.mode} {size} batch {options.batch} {options.dtype} on {options.device}, "
          f"{best['layout']}: median {best['median_s']:.4f} s")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(best, file, indent=2)


if __name__ == "__main__":
    main()
