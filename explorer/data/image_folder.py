"""The data ``images:FOLDER``: image files in a folder for each class, or without classes.

Legend: N images of a part, side pixels.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from costmodels.file_content import check_plain_file
from explorer.data.drawn import drawn_parts
from explorer.data.image_options import image_options
from explorer.data.parts import PARTS
from explorer.data.pixels import Normalization, channel_statistics, normalised, split_off
from explorer.system.errors import DataError
from explorer.system.progress import Stage

if TYPE_CHECKING:
    from explorer.data.dataset import Dataset

__all__ = ["ENDINGS", "LARGEST_SIDE", "load_image_folder", "look_at_image_folder"]

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
LARGEST_SIDE = 224
MOST_BYTES, MOST_PIXELS = 2**28, 2**26
"""Of an image: 67 million pixels take 200 MB in RGB."""

HELD_OUT_SHARE = 10
"""One training image in so many makes a part that has no folder of its own."""

_FOLDERS: Mapping[str, tuple[str, ...]] = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}
_SEED = 0
_FORMATS = ("PNG", "JPEG", "TIFF")
_SHOWN = 5
_LOOKED_AT = 500
_GREATEST = 2**16 - 1

Files = dict[str, list[tuple[Path, int]]]
"""Part -> (file, label); labels of images without classes are -1."""

UNLABELLED = -1


def load_image_folder(folder: str, normalization: Normalization | None = None) -> "Dataset":
    """Images from ``FOLDER/train/CLASS/*.png`` (or .jpg, .tif), and likewise ``val`` or ``validation``, and ``test``.

    Classes are numbered in the order of their folders' names in ``train``. A part without a folder is drawn from the
    training images by a fixed seed: one in ten, or as many as there are classes, each class in its share.

    Without class folders the images have no labels: those that lie in ``FOLDER`` itself, parted as in
    `explorer.data.drawn.drawn_parts`, or in ``FOLDER/train`` and, where there are such, ``val`` and ``test``.

    Every image becomes a square in RGB: turned as its EXIF data say, cut to its middle square, and reduced to the side
    that all share, with the mean over areas. That side is the shortest side of all images, at most 224, so that nothing
    is enlarged; or the one that is given, to which smaller images are enlarged by bilinear interpolation. Of 16 bits a
    pixel the upper 8 are taken; floats go from 0 to 1. Channels have mean 0 and standard deviation 1 over the training
    part, or the normalization that is given.

    Args:
        folder: the folder, and what is said of it: `explorer.data.image_options.image_options`.
        normalization: where none is said; that of the training part if not given.

    Raises:
        DataError: options cannot be used, folders or classes are missing or empty, or files are no such images; the
            first of them are named.
    """
    from explorer.data.making import make_dataset  # with torch, which files that are refused before do not load

    options = image_options(folder)
    root = options.root
    files, classes = _listed(root)
    side = options.side or _common_side([file for part in files.values() for file, _ in part])
    count = sum(map(len, files.values()))
    with Stage(f"reading {root.name}", count, "image") as bar:
        pixels = {part: _pixels([file for file, _ in listed], side, bar) for part, listed in files.items()}
    chosen = options.normalization or normalization or channel_statistics(pixels["train"])
    given = {
        part: (
            normalised(pixels[part], *chosen),
            np.array([label for _, label in listed]) if classes else None,
        )
        for part, listed in files.items()
    }
    kinds = f"{len(classes)} classes" if classes else "without labels"
    words = f", {options.words}" if options.words else ""
    origin = f"images of the user's folder {root.name}, {kinds}, {side} x {side} pixels{words}"
    return replace(make_dataset(given, name=root.name or "images", origin=origin), normalization=chosen)


def look_at_image_folder(folder: str) -> None:
    """Refuses, by the heads of some of its files, a folder that is none of images.

    Raises:
        DataError: as `load_image_folder`.
    """
    files, _ = _listed(image_options(folder).root)
    every = [file for part in files.values() for file, _ in part]
    _common_side(every[:: -(-len(every) // _LOOKED_AT)])


def _listed(root: Path) -> tuple[Files, list[str]]:
    """The files of all parts, and the classes; no classes where the images have no labels."""
    train = root / "train"
    names = sorted(path.name for path in train.iterdir() if path.is_dir()) if train.is_dir() else []
    if len(names) < 2:
        if _images_in(train if train.is_dir() else root):
            return _without_labels(root), []
        value = f"{root} with {len(names)}" if train.is_dir() else f"{root} without train"
        rule = "an image folder holds train/CLASS for two classes or more, or images without class folders"
        raise DataError(rule, value, "arrange the images so")
    files: Files = {part: _of_part(place, names) for part, place in _places(root).items()}
    for part in PARTS:
        if part not in files:
            labels = np.array([label for _, label in files["train"]])
            count = max(len(labels) // HELD_OUT_SHARE, len(names))
            rest, held = split_off(labels, np.arange(len(labels)), count, _SEED)
            files[part] = [files["train"][index] for index in held]
            files["train"] = [files["train"][index] for index in sorted(rest)]
    return files, names


def _places(root: Path) -> dict[str, Path]:
    """The folders of the parts that have one."""
    found = {part: next((root / name for name in _FOLDERS[part] if (root / name).is_dir()), None) for part in PARTS}
    return {part: place for part, place in found.items() if place is not None}


def _images_in(place: Path) -> list[Path]:
    """The image files that lie in a folder itself, in the order of their names."""
    found = sorted(place.iterdir()) if place.is_dir() else []
    return [file for file in found if file.suffix.lower() in ENDINGS and file.is_file()]


def _without_labels(root: Path) -> Files:
    """The files of all parts, of images without class folders; what has no folder of its own is drawn."""
    places = _places(root)
    if "train" not in places:
        places = {"train": root}
    listed = {part: _images_in(place) for part, place in places.items()}
    empty = [places[part].name for part, files in listed.items() if not files]
    if empty:
        value = f"none in {' or '.join(empty)}"
        raise DataError("every part holds images without class folders, as train does", value, "arrange them alike")
    if "validation" not in listed:
        files, drawn = listed["train"], drawn_parts(len(listed["train"]))
        if "test" in listed:
            drawn["train"] = np.sort(np.concatenate([drawn["train"], drawn.pop("test", drawn["train"][:0])]))
        listed |= {part: [files[index] for index in chosen] for part, chosen in drawn.items()}
    return {part: [(file, UNLABELLED) for file in listed[part]] for part in PARTS if part in listed}


def _of_part(place: Path, names: list[str]) -> list[tuple[Path, int]]:
    """The image files of a part with their labels, in the order of their names."""
    unknown = sorted(path.name for path in place.iterdir() if path.is_dir() and path.name not in names)
    if unknown:
        raise DataError(f"the classes of {place.name} are those of train", ", ".join(unknown), "add them to train")
    found = [
        (file, label)
        for label, name in enumerate(names)
        if (place / name).is_dir()
        for file in sorted((place / name).iterdir())
        if file.suffix.lower() in ENDINGS
    ]
    empty = [name for label, name in enumerate(names) if label not in {known for _, known in found}]
    if not found or (place.name == "train" and empty):
        value = f"none in {place}" if not found else f"none of {', '.join(empty)}"
        raise DataError(f"{place.name} holds {', '.join(ENDINGS)} images of its classes", value, "add images")
    return found


def _common_side(files: list[Path]) -> int:
    """The shortest side of all images, at most `LARGEST_SIDE`; only the files' heads are read."""
    shortest = LARGEST_SIDE
    faults: list[tuple[Path, Exception]] = []
    for file in files:
        try:
            with _opened(file) as image:
                shortest = min(shortest, *image.size)
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            faults.append((file, error))
    if faults:
        raise _unreadable(faults)
    return shortest


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """An image whose head is read.

    Raises:
        OSError: it is no plain file, no image, or of too many bytes or pixels.
    """
    check_plain_file(file, MOST_BYTES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(file, formats=_FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise OSError(f"{image.width:,} by {image.height:,} pixels, where {MOST_PIXELS:,} are read at most")
            yield image


def _pixels(files: list[Path], side: int, bar: Stage) -> np.ndarray:
    """(N, 3, side, side) uint8."""
    pixels = np.empty((len(files), 3, side, side), np.uint8)
    faults: list[tuple[Path, Exception]] = []
    for place, file in zip(pixels, files, strict=True):
        try:
            with _opened(file) as image:
                upright = _eight_bits(ImageOps.exif_transpose(image)).convert("RGB")
            way = Image.Resampling.BOX if min(upright.size) >= side else Image.Resampling.BILINEAR
            square = ImageOps.fit(upright, (side, side), way)
            place[:] = np.asarray(square).transpose(2, 0, 1)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            faults.append((file, error))
        bar.update()
    if faults:
        raise _unreadable(faults)
    return pixels


def _eight_bits(image: Image.Image) -> Image.Image:
    """An image of 16 bits a pixel in its upper 8, one of floats from 0 to 1 in 255 steps; others as they are.

    Pillow's own conversion would cut everything above 255 off, and take floats to be of that range. PNG has no wider
    pixels, whatever mode they are read as.
    """
    if image.mode == "F":
        shares = np.asarray(image)
        if not (shares.min() >= 0 and shares.max() <= 1):
            raise ValueError(f"floats from {shares.min():g} to {shares.max():g}, where a pixel is from 0 to 1")
        return Image.fromarray(np.rint(255 * shares).astype(np.uint8))
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if values.min() < 0 or values.max() > _GREATEST:
        raise ValueError(f"pixels from {values.min()} to {values.max()}, where 16 bits go from 0 to {_GREATEST}")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _unreadable(faults: list[tuple[Path, Exception]]) -> DataError:
    shown = "; ".join(f"{file} ({' '.join(str(error).split())})" for file, error in faults[:_SHOWN])
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return DataError("every file is a whole PNG, JPEG or TIFF image", f"{shown}{more}", "replace or remove them")
