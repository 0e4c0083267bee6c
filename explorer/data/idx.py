"""The data ``idx:FOLDER`` and ``fashion-mnist``: images and labels in files of the IDX format, as MNIST has them.

Sources: the format is that of Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits;
Fashion-MNIST is of H. Xiao, K. Rasul and R. Vollgraf, arXiv 1708.07747, 2017.

Legend: N images of a file, H x W pixels.
"""

import gzip
import math
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import numpy as np

from explorer.data.pixels import Normalization, channel_statistics, normalised, split_off
from explorer.system.errors import DataError

if TYPE_CHECKING:
    from explorer.data.dataset import Dataset

__all__ = [
    "FASHION_MNIST_FOLDER",
    "MOST_BYTES",
    "VALIDATION_SHARE",
    "load_fashion_mnist",
    "load_idx",
    "look_at_idx",
    "read_idx",
]

FASHION_MNIST_FOLDER = "/usr/share/datasets/fashion-mnist"
"""Where Debian's package dataset-fashion-mnist puts the files."""
VALIDATION_SHARE = 10
"""One training image in so many is set aside for validation."""
MOST_BYTES = 2**29
"""Of the values of a file: eleven times MNIST's training images."""

Found = TypeVar("Found")

_UNSIGNED_BYTES = 0x08
_SEED = 0
_TEST_NAMES = ("t10k", "test")


def load_fashion_mnist(folder: str | None = None, normalization: Normalization | None = None) -> "Dataset":
    """Fashion-MNIST: 54,000 training, 6,000 validation and 10,000 test images (1, 28, 28) of ten kinds of clothes.

    Args:
        folder: that holds the four files; where Debian's package puts them by default.
        normalization: as `load_idx`.

    Raises:
        DataError: as `load_idx`.
    """
    place = Path(folder or FASHION_MNIST_FOLDER)
    if folder is None and not place.is_dir():
        remedy = "apt-get install dataset-fashion-mnist, or write fashion-mnist:FOLDER"
        raise DataError("fashion-mnist is installed, or its folder is named", f"no {place}", remedy)
    return _load(place, "fashion-mnist", "Fashion-MNIST (real)", normalization)


def load_idx(folder: str, normalization: Normalization | None = None) -> "Dataset":
    """Images (1, H, W) and labels from the IDX files of a folder.

    The folder holds one file each whose name has ``train-images`` and ``train-labels``, and ``t10k`` or ``test`` in the
    place of ``train``, unpacked or as ``.gz``. The validation part, one image in ten, is drawn from the training files
    by a fixed seed, each class in its share. Pixels have mean 0 and deviation 1 over the training part.

    Args:
        folder: that holds them.
        normalization: of the pixels in the place of that.

    Raises:
        DataError: files are missing, not the only ones of that name, damaged, or hold something else than 8-bit images
            and a label for each.
    """
    place = Path(folder)
    return _load(place, place.name or "idx", f"IDX files of the user's folder {place.name}", normalization)


def _load(place: Path, name: str, origin: str, normalization: Normalization | None) -> "Dataset":
    (pixels, labels), tested = _labelled(place, ("train",)), _labelled(place, _TEST_NAMES)
    if pixels.shape[1:] != tested[0].shape[1:]:
        sizes = " and ".join("x".join(map(str, images.shape[2:])) for images in (pixels, tested[0]))
        raise DataError("images of all parts have one size", f"{sizes} in {place}", "give files of one set")
    train, validation = split_off(labels, np.arange(len(labels)), len(labels) // VALIDATION_SHARE, _SEED)
    from explorer.data.making import make_dataset  # with torch, which files that are refused before do not load

    normalization = normalization or channel_statistics(pixels[train])
    parts = {
        "train": (pixels[train], labels[train]),
        "validation": (pixels[validation], labels[validation]),
        "test": tested,
    }
    given = {part: (normalised(images, *normalization), chosen) for part, (images, chosen) in parts.items()}
    return replace(make_dataset(given, name, origin), normalization=normalization)


def look_at_idx(folder: str) -> None:
    """Refuses, by the heads of its files, a folder that is none of IDX files.

    Raises:
        DataError: as `load_idx`.
    """
    for names in (("train",), _TEST_NAMES):
        files = [_find(Path(folder), names, kind) for kind in ("images", "labels")]
        _check_part(files, *(_read(file, _shape) for file in files))


def _labelled(place: Path, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, 1, H, W) uint8 and labels (N,) int64 of a part."""
    files = [_find(place, names, kind) for kind in ("images", "labels")]
    pixels, labels = (read_idx(file) for file in files)
    _check_part(files, pixels.shape, labels.shape)
    return pixels[:, None], labels.astype(np.int64)


def _check_part(files: list[Path], images: tuple[int, ...], labels: tuple[int, ...]) -> None:
    """Refuses images and labels that are not those of one part, by their dimensions."""
    if len(images) != 3 or len(labels) != 1 or images[0] != labels[0] or 0 in images:
        shapes = f"{files[0].name} {images} and {files[1].name} {labels}"
        raise DataError("images are (N, H, W) with N labels", shapes, "give the two files of one part")


def _find(place: Path, names: tuple[str, ...], kind: str) -> Path:
    """The one file of a part's images or labels."""
    wanted = [f"{name}-{kind}" for name in names]
    listed = sorted(place.iterdir()) if place.is_dir() else []
    found = [file for file in listed if file.is_file() and any(text in file.name for text in wanted)]
    if len(found) != 1:
        value = f"{len(found)} with {' or '.join(wanted)} in {place}"
        raise DataError(f"a folder of IDX files holds one file of {names[0]} {kind}", value, "name such a folder")
    return found[0]


def read_idx(file: Path) -> np.ndarray:
    """The array of an IDX file of unsigned bytes, which may be compressed by gzip.

    Two bytes of zero, one of the values' type, one of the number of dimensions, the dimensions as 32-bit numbers with
    the highest byte first, then the values, the last dimension fastest.

    Raises:
        DataError: it is no such file, of more than `MOST_BYTES`, or shorter or longer than it says.
    """
    return _read(file, _array)


def _read(file: Path, read: Callable[[Path, BinaryIO | gzip.GzipFile], Found]) -> Found:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            return read(file, stream)
    except (OSError, EOFError, zlib.error) as error:
        raise _refused(file, str(error) or type(error).__name__) from error


def _shape(file: Path, stream: BinaryIO | gzip.GzipFile) -> tuple[int, ...]:
    """The dimensions, of at most `MOST_BYTES` values."""
    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] != _UNSIGNED_BYTES or not 1 <= head[3] <= 4:
        raise _refused(file, f"it begins with {head.hex(' ') or 'nothing'}, where 00 00 08 and 1 to 4 are wanted")
    sizes = stream.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise _refused(file, "it ends among its dimensions")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    if (count := math.prod(shape)) > MOST_BYTES:
        raise _refused(file, f"{count:,} values, where {MOST_BYTES:,} are read at most")
    return shape


def _array(file: Path, stream: BinaryIO | gzip.GzipFile) -> np.ndarray:
    shape = _shape(file, stream)
    count = math.prod(shape)
    values = stream.read(count + 1)
    if len(values) != count:
        more = "more" if len(values) > count else f"{len(values):,}"
        raise _refused(file, f"{more} values, where its dimensions say {count:,}")
    return np.frombuffer(values, np.uint8).reshape(shape)


def _refused(file: Path, reason: str) -> DataError:
    return DataError(f"{file.name} is a whole IDX file of unsigned bytes", f"{file} ({reason})", "fetch it again")
