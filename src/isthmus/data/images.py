"""Folders of images, decoded when they are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.files import readable
from isthmus.data.moments import Range
from isthmus.data.rows import Rows
from isthmus.data.schema import Schema
from isthmus.data.shuffling import spans
from isthmus.data.source import Source, check_block_rows
from isthmus.errors import DataError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
_MODES = {
    "1": "L",
    "L": "L",
    "LA": "RGBA",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBA": "RGBA",
    "RGBX": "RGB",
}
_MODES |= {"CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB"}
_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


class ImageFolder(Source):
    """All images below a folder, in the order of their paths, as uint8.

    All must have one size. They are read with as many channels as the richest of them needs: grey, colour, or
    colour with transparency. Where every image lies in a subfolder, the first subfolder is its class.
    Raises DataError naming the file that has another size, cannot be decoded, or has more than 8 bits a channel.
    """

    random_access = True

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self.folder = folder
        with readable(folder):
            self.files = sorted(_images(folder))
        if not self.files:
            raise InputError(
                f"{folder} holds neither images ({', '.join(sorted(SUFFIXES))}) nor .parquet parts: check the path."
            )
        self.mode, self.size = _agreed(self.files)
        self.label_names, self._labels = _classes(folder, self.files)

    @property
    def n_rows(self) -> int:
        """How many images there are."""
        return len(self.files)

    @property
    def labels(self) -> NDArray[Any] | None:
        """(n,) codes of ``label_names``, or None."""
        return self._labels

    @property
    def schema(self) -> Schema:
        """What the images are."""
        width, height = self.size
        channels = _CHANNELS[self.mode]
        return Schema(
            kind="image",
            shape=(height, width) if channels == 1 else (height, width, channels),
            dtype="uint8",
            native="file",
            n_rows=self.n_rows,
            minimum=self._range.low,
            maximum=self._range.high,
            white=255.0,
        )

    @property
    def _range(self) -> Range:
        """The range of the type: decoding everything to learn the pixels' own would cost a pass."""
        seen = Range()
        seen.low, seen.high = 0.0, 255.0
        return seen

    def blocks(self, block_rows: int) -> Iterator[Rows]:
        """All images in order."""
        check_block_rows(block_rows)
        for start, stop in spans(self.n_rows, block_rows):
            yield self.take(np.arange(start, stop))

    def take(self, index: NDArray[np.int64]) -> Rows:
        """The images of the given numbers, decoded."""
        values = np.stack([self._decoded(self.files[number]) for number in index])
        labels = None if self._labels is None else self._labels[index]
        return Rows(values, np.asarray(index, dtype=np.int64), labels)

    def _decoded(self, path: Path) -> NDArray[np.uint8]:
        from PIL import Image

        with readable(path):
            try:
                with Image.open(path) as image:
                    return np.asarray(image.convert(self.mode), dtype=np.uint8)
            except (OSError, SyntaxError, ValueError) as error:
                if isinstance(error, PermissionError | FileNotFoundError):
                    raise
                raise _undecodable(path, error) from error


def _images(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(piece.startswith(".") for piece in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            yield path


def _undecodable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be decoded as an image ({error}): remove it, or write it anew.")


def _agreed(files: list[Path]) -> tuple[str, tuple[int, int]]:
    """Mode that holds every image, and their common size; reads headers only."""
    from PIL import Image

    modes: set[str] = set()
    sizes: dict[tuple[int, int], list[Path]] = {}
    for path in files:
        with readable(path):
            try:
                with Image.open(path) as image:
                    transparent = "transparency" in image.info
                    mode, size = image.mode, image.size
            except (OSError, SyntaxError, ValueError) as error:
                if isinstance(error, PermissionError | FileNotFoundError):
                    raise
                raise _undecodable(path, error) from error
        if mode not in _MODES:
            raise DataError(
                f"{path} has pixels of type {mode}, 8 bits a channel are needed: convert it to 8 bits."
            )
        modes.add("RGBA" if transparent else _MODES[mode])
        sizes.setdefault(size, []).append(path)
    if len(sizes) > 1:
        usual, odd = (
            max(sizes, key=lambda size: len(sizes[size])),
            min(sizes, key=lambda size: len(sizes[size])),
        )
        odd = odd if odd != usual else next(size for size in sizes if size != usual)
        raise DataError(
            f"{sizes[odd][0]} is {odd[0]} x {odd[1]} pixels, the others are {usual[0]} x {usual[1]}: "
            f"resize or remove it ({sum(map(len, sizes.values())) - len(sizes[usual])} of {len(files)} differ)."
        )
    return max(modes, key=lambda mode: _CHANNELS[mode]), next(iter(sizes))


def _classes(folder: Path, files: list[Path]) -> tuple[tuple[str, ...], NDArray[Any] | None]:
    """Class names and codes from first-level subfolders, where every image lies in one and there are several."""
    parts = [path.relative_to(folder).parts for path in files]
    if any(len(part) == 1 for part in parts):
        return (), None
    names, found = np.unique([part[0] for part in parts], return_inverse=True)
    return tuple(map(str, names)), found.astype(np.int64)
