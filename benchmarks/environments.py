"""An own virtual environment for every peer, made on demand under ``benchmarks/.envs``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".envs"
TORCH = "torch==2.13.0"
#: Only CUDA builds of PyTorch for Linux ask for these, so pip refuses such a build before it downloads it.
NO_CUDA = (
    "triton<0",
    "cuda-bindings<0",
    "nvidia-cublas<0",
    "nvidia-cublas-cu12<0",
    "nvidia-cuda-runtime-cu12<0",
)
PEERS = {
    "pythae": ("pythae==0.1.2",),
    "pyod": ("pyod==3.6.7", "tqdm"),
    "skorch": ("skorch==1.4.0",),
    "references": ("hyppo==0.5.2", "scikit-dimension==0.5.0"),
}
#: Peers that need no PyTorch.
WITHOUT_TORCH = frozenset({"references"})


class EnvironmentFailure(Exception):  # noqa: N818 - reported as a result, not an error of this program
    """A peer could not be installed; the text says why."""


@dataclass(frozen=True)
class Contender:
    """Who is measured: a worker module, its environment and the flags that it is run with."""

    name: str
    worker: str
    flags: tuple[str, ...] = ()

    @property
    def peer(self) -> str | None:
        """The name of its environment; None for the environment of isthmus itself."""
        return self.worker if self.worker in PEERS else None


def interpreter(contender: Contender) -> str:
    """The Python that runs a contender; makes its environment first where needed."""
    if contender.peer is None:
        return sys.executable
    return str(_environment(contender.peer))


def _environment(peer: str) -> Path:
    folder = FOLDER / peer
    python = folder / "bin" / "python"
    stamp = folder / "installed.txt"
    wanted = "\n".join([TORCH, *PEERS[peer]])
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    sys.stderr.write(f"making the environment of {peer} in {folder} ...\n")
    _call([sys.executable, "-m", "venv", "--clear", str(folder)], peer)
    pins = HERE / "pins" / f"{peer}.txt"
    with tempfile.TemporaryDirectory() as scratch:
        constraints = Path(scratch) / "constraints.txt"
        constraints.write_text("\n".join([TORCH, *NO_CUDA]) + "\n")
        install = [str(python), "-m", "pip", "install", "--quiet", "-c", str(constraints), "-c", str(pins)]
        if peer not in WITHOUT_TORCH:
            _call([*install, TORCH], peer)
        _call([*install, *PEERS[peer]], peer)
    stamp.write_text(wanted)
    return python


def _call(command: list[str], peer: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    said = done.stderr.splitlines()
    reasons = [line for line in said if line.startswith("ERROR")] or said[-3:]
    hint = ""
    if any(name.split("<")[0] in done.stderr for name in NO_CUDA):
        hint = (
            " (pip was offered a CUDA build of PyTorch: "
            "point it to PyTorch's CPU packages by PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS)"
        )
    raise EnvironmentFailure(f"{peer} could not be installed: {' '.join(reasons)[:600]}{hint}")
