"""When bfloat16 pays."""

from __future__ import annotations

import torch
from torch import nn

#: Layers and batches from which bfloat16 is taken. Set from few measurements (784-512-256-25 at batch 128 and the
#: deep network at 512 were faster); a grid over widths and batches has not been measured.
SMALLEST_WIDTH = 384
SMALLEST_BATCH = 128


def choose(network: nn.Module, *, batch_size: int, device: str) -> str:
    """``bfloat16`` where layers and batches are large enough for it to be faster, else ``float32``.

    On a CPU the processor must multiply bfloat16 in hardware. What decides is the geometric mean of the
    matrices' sides, each matrix weighted by its share of the multiplications: casts cost per number,
    products per multiplication.
    """
    if device.startswith("cuda"):
        supported = torch.cuda.is_bf16_supported()
    elif device == "cpu":
        supported = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and native_bfloat16()
    else:
        supported = False
    pays = batch_size >= SMALLEST_BATCH and _typical_width(network) >= SMALLEST_WIDTH
    return "bfloat16" if supported and pays else "float32"


def native_bfloat16() -> bool:
    """True where products of bfloat16 matrices are one instruction and not an emulation."""
    capabilities = torch.backends.cpu.get_cpu_capability()
    amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
    avx = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return bool(amx or avx) and capabilities != "DEFAULT"


def _typical_width(network: nn.Module) -> float:
    sizes = [
        parameter.shape
        for module in network.modules()
        if isinstance(module, nn.Linear)
        for parameter in (module.weight,)
    ]
    work = sum(rows * columns for rows, columns in sizes)
    if not work:
        return 0.0
    return float(sum(rows * columns * (rows * columns) ** 0.5 for rows, columns in sizes) / work)
