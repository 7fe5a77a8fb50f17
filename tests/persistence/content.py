"""Tensors and a document with everything that is hard to keep."""

import math

import torch

DOCUMENT = {
    "part": {"type": "penalties.L1", "weight": {"number": "inf"}},
    "history": [{"epoch": 0, "loss": math.nan}, {"epoch": 1, "loss": -math.inf, "rate": 5e-324}],
    "names": ["é", "\ud800", 'quote"\\', "0" * 64],
    "nothing": None,
}


def tensors():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 7, generator=generator)
    return {
        "float32": weight,
        "tied": weight,
        "transposed": weight.t(),
        "view": weight[1:3],
        "bfloat16": torch.randn(9, generator=generator).bfloat16(),
        "float16": torch.randn(3, generator=generator).half(),
        "float64": torch.tensor([math.nan, math.inf, -0.0, 5e-324], dtype=torch.float64),
        "int64": torch.tensor([-(2**63), 2**63 - 1]),
        "state": generator.get_state(),
        "bool": torch.tensor([[True], [False]]),
        "scalar": torch.tensor(3.5),
        "step": torch.tensor(7, dtype=torch.int64),
        "empty": torch.zeros(0, 4),
        "conv": torch.randn(2, 3, 4, 4, generator=generator).to(memory_format=torch.channels_last),
        "learned": torch.nn.Parameter(torch.ones(2)),
    }


def bits(tensor):
    flat = tensor.detach().contiguous().reshape(-1)
    return tensor.dtype, tuple(tensor.shape), flat.view(torch.uint8).tolist() if flat.numel() else []


def same(found, expected):
    return found.keys() == expected.keys() and all(
        bits(found[name]) == bits(expected[name]) for name in expected
    )
