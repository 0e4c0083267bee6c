"""How images of a folder become inputs: the side that they are reduced to, and a normalization that is given."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from explorer.data.pixels import Normalization
from explorer.system.errors import DataError

__all__ = ["NORMALIZATIONS", "ImageOptions", "image_options"]

MOST_SIDE = 4096

NORMALIZATIONS: Mapping[str, Normalization] = MappingProxyType(
    {
        "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        "unit": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        "signed": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    }
)
"""Those that published weights take: of ImageNet's channels, none (0 to 1), and -1 to 1."""

_RULE = "an image folder is named as images:FOLDER?side=N&normalization=NAME, each of both may be left out"


@dataclass(frozen=True)
class ImageOptions:
    """What is said of an image folder.

    Args:
        root: the folder.
        side: in pixels; None for the shortest side of all images, at most 224.
        normalization: None for that of the training images.
        words: on the normalization, for the origin of the data.
    """

    root: Path
    side: int | None = None
    normalization: Normalization | None = None
    words: str = ""


def image_options(text: str) -> ImageOptions:
    """The options behind ``images:``.

    Args:
        text: ``FOLDER``, or with ``?side=N``, ``?normalization=NAME``, or both joined by ``&``. A name is one of
            `NORMALIZATIONS`, or means and deviations as ``0.5,0.5,0.5/0.25,0.25,0.25``, one number standing for three.

    Raises:
        DataError: an option is unknown, or its value cannot be used.

    >>> image_options("photos?side=96&normalization=0.5/0.25").normalization
    ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    """
    folder, mark, query = text.rpartition("?")
    if not mark or Path(text).is_dir():
        return ImageOptions(Path(text))
    given = dict(part.partition("=")[::2] for part in query.split("&") if part)
    unknown = [name for name in given if name not in ("side", "normalization")]
    if unknown:
        raise DataError(_RULE, f"images:{text} with {', '.join(unknown)}", "use these two")
    side = _side(given["side"]) if "side" in given else None
    if "normalization" not in given:
        return ImageOptions(Path(folder), side)
    name = given["normalization"]
    return ImageOptions(Path(folder), side, _normalization(name), f"normalized as {name}")


def _side(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MOST_SIDE:
        raise DataError(f"a side is a whole number of pixels from 1 to {MOST_SIDE:,}", text or "nothing", "give one")
    return int(text)


def _normalization(text: str) -> Normalization:
    if text in NORMALIZATIONS:
        return NORMALIZATIONS[text]
    try:
        mean, deviation = ([float(number) for number in part.split(",")] for part in text.split("/"))
    except ValueError:
        mean = deviation = []
    pair = tuple(tuple(part * 3 if len(part) == 1 else part) for part in (mean, deviation))
    numbers = [number for part in pair for number in part]
    if [len(part) for part in pair] != [3, 3] or not all(abs(number) < 1e6 for number in numbers) or min(pair[1]) <= 0:
        rule = f"a normalization is {', '.join(NORMALIZATIONS)}, or three means and three deviations above 0"
        raise DataError(rule, text or "nothing", "write for example 0.5,0.5,0.5/0.25,0.25,0.25, of pixels from 0 to 1")
    return pair[0], pair[1]
