#!/usr/bin/env python3
"""Writes goldens/python.safetensors with the format's own library (safetensors 0.8.0, torch 2.13.0), or, given a file's
name, checks that this library reads what cmtl wrote there (tests/engine/safetensors_test.cpp, CMTL_KEEP)."""
import os
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

TENSORS = {
    "f32": torch.tensor([[1.5, -2.25, float("inf")], [0.0, 1e-45, -3e38]]),
    "f16": torch.tensor([1.0, -0.5, 65504.0, 6e-8, float("-inf"), 0.333251953125, -0.0]).half(),
    "bf16": torch.tensor([1.0, -3.140625, 1e38]).bfloat16(),
    "f64": torch.tensor([0.1, -1e300], dtype=torch.float64),
    "i32": torch.tensor([-2147483648, 2147483647], dtype=torch.int32),
    "i64": torch.tensor([-(1 << 63), (1 << 63) - 1]),
    "u8": torch.tensor([0, 255, 7], dtype=torch.uint8),
    "scalar": torch.tensor(42, dtype=torch.int64),
    "empty": torch.zeros(3, 0, 2),
    "conv \"q\" \u00e9": torch.arange(24.0).reshape(1, 2, 2, 2, 3),
}
METADATA = {"who": "python", "text": "quotes \" and \u00e9"}

if len(sys.argv) == 1:
    save_file(TENSORS, os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "python.safetensors"), METADATA)
else:
    back = load_file(sys.argv[1])
    assert back.keys() == TENSORS.keys(), back.keys()
    for name, value in TENSORS.items():
        expected = value.float() if name == "f16" else value
        assert back[name].dtype == expected.dtype and back[name].shape == expected.shape, name
        assert torch.equal(back[name], expected), name
    with safe_open(sys.argv[1], "pt") as f:
        assert f.metadata() == METADATA, f.metadata()
    print("the same")
