"""The data ``cifar10:FOLDER``: a local copy of CIFAR-10 in its python or its binary version.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009; the layout of both versions is that
of its download page, https://www.cs.toronto.edu/~kriz/cifar.html.

Legend: N images of a file.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from costmodels.file_content import check_plain_file, file_content
from explorer.data.pixels import normalised, split_off
from explorer.data.plain_pickle import PlainPickleError, load_plain
from explorer.system.errors import DataError

if TYPE_CHECKING:
    from explorer.data.dataset import Dataset

__all__ = ["MEAN", "STD", "VALIDATION_SHARE", "load_cifar10", "look_at_cifar10"]

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Of red, green and blue over the 50,000 training images, as published weights commonly take them."""
VALIDATION_SHARE = 10
"""One training image in so many is set aside for validation: 5,000 of 50,000, as He et al. do for this set."""

_SEED = 0
_CLASSES = 10
_PIXELS = 3 * 32 * 32
_TRAIN, _TEST = tuple(f"data_batch_{number}" for number in range(1, 6)), "test_batch"
_MOST_BYTES = 256 * 1024 * 1024
"""More than eight times the largest file of CIFAR-10."""


def load_cifar10(folder: str) -> "Dataset":
    """CIFAR-10 from the files of a folder: 45,000 training, 5,000 validation and 10,000 test images (3, 32, 32).

    The folder holds ``data_batch_1`` to ``data_batch_5`` and ``test_batch``, all as python pickles without an ending or
    all as ``.bin``. Pickles are read without running anything in them (`explorer.data.plain_pickle`). The validation
    part is drawn from the training files by a fixed seed, each class in its share. Pixels are scaled to 0..1, then
    normalised with `MEAN` and `STD`.

    Raises:
        DataError: files are missing, damaged, or hold something else than such images; all such files are named.
    """
    from explorer.data.making import make_dataset  # with torch, which files that are refused before do not load

    place, (files, ending) = Path(folder), _files(folder)
    read = [_read(file) for file in files]
    pixels = np.concatenate([part for part, _ in read[:-1]])
    labels = np.concatenate([part for _, part in read[:-1]])
    train, validation = split_off(labels, np.arange(len(labels)), len(labels) // VALIDATION_SHARE, _SEED)
    parts = {
        "train": (pixels[train], labels[train]),
        "validation": (pixels[validation], labels[validation]),
        "test": read[-1],
    }
    given = {name: (normalised(images, MEAN, STD), chosen) for name, (images, chosen) in parts.items()}
    version = "binary" if ending else "python"
    return make_dataset(given, "cifar10", f"CIFAR-10 (real), {version} version in {place.name}")


def look_at_cifar10(folder: str) -> None:
    """Refuses, by one of its files and the sizes of the others, a folder that is none of CIFAR-10.

    Raises:
        DataError: as `load_cifar10`.
    """
    (first, *others), _ = _files(folder)
    for file in others:
        try:
            check_plain_file(file, _MOST_BYTES)
        except OSError as error:
            raise _refused(file, error.strerror or str(error)) from error
    _read(first)


def _files(folder: str) -> tuple[list[Path], str]:
    """The files of the training part and, last, of the test part, and how their names end."""
    place = Path(folder)
    ending = ".bin" if (place / f"{_TEST}.bin").is_file() else ""
    files = [place / f"{name}{ending}" for name in (*_TRAIN, _TEST)]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        rule = "a folder of CIFAR-10 holds data_batch_1 to data_batch_5 and test_batch, or the same with .bin"
        raise DataError(rule, f"{folder} without {', '.join(missing)}", "unpack the archive and name the folder in it")
    return files, ending


def _read(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, 3, 32, 32) uint8 and labels (N,) int64 of a file."""
    try:
        content = file_content(file, _MOST_BYTES)
    except OSError as error:
        raise _refused(file, error.strerror or str(error)) from error
    pixels, labels = _from_binary(file, content) if file.suffix == ".bin" else _from_pickle(file, content)
    if not len(labels):
        raise _refused(file, "no images")
    if labels.min() < 0 or labels.max() >= _CLASSES:
        raise _refused(file, f"labels from {labels.min()} to {labels.max()}")
    return pixels.reshape(-1, 3, 32, 32), labels


def _from_binary(file: Path, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Records of one byte of label and 3,072 of pixels: red, green and blue planes, row by row."""
    if len(content) % (1 + _PIXELS):
        raise _refused(file, f"{len(content):,} bytes, no multiple of {1 + _PIXELS:,}")
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + _PIXELS)
    return records[:, 1:], records[:, 0].astype(np.int64)


def _from_pickle(file: Path, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """A dictionary of ``data`` (N, 3072) uint8 and ``labels``, a list of N integers."""
    try:
        found = load_plain(content)
    except PlainPickleError as error:
        raise _refused(file, str(error)) from error
    fields = {str(key, "latin-1") if isinstance(key, bytes) else key: value for key, value in _items(found)}
    pixels, labels = fields.get("data"), fields.get("labels")
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (_PIXELS,):
        shape = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise _refused(file, f"data as {shape}, where uint8 (N, {_PIXELS}) is wanted")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise _refused(file, "labels that are no list of integers")
    if len(labels) != len(pixels):
        raise _refused(file, f"{len(pixels):,} images but {len(labels):,} labels")
    return pixels, np.array(labels, dtype=np.int64)


def _items(found: object) -> list[tuple[object, object]]:
    return list(found.items()) if isinstance(found, dict) else []


def _refused(file: Path, reason: str) -> DataError:
    return DataError(f"{file.name} is a whole file of CIFAR-10", f"{file} ({reason})", "unpack the archive again")
