"""Named tensors in one safetensors file. Needs torch; nothing else in the folder does until it comes here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor


def write(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors with their bits, data types and shapes; 0-d, empty and shared ones too.

    Parameters
    ----------
    path : the file to write.
    tensors : any device and strides. Tensors that share memory (tied weights) are written one by one.
    metadata : texts for the file's header.

    Raises: OSError or SafetensorError with the system's error number when the file cannot be written.
    """
    apart = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    seen: set[int] = set()
    for name, tensor in apart.items():
        memory = tensor.untyped_storage().data_ptr()
        if memory in seen:
            apart[name] = tensor.clone()
        seen.add(memory)
    safetensors.torch.save_file(apart, path, metadata=dict(metadata) if metadata else None)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors on the CPU, in memory of their own, and the header's texts.

    Raises: ValueError when the file is not a whole safetensors file.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names: list[str] = list(file.keys())
            # The library hands out views of the mapped file: a later change of the file would reach them.
            tensors = {name: torch.clone(file.get_tensor(name)) for name in names}
            return tensors, dict(file.metadata() or {})
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"not a whole safetensors file ({error})") from error
