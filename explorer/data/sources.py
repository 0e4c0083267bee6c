"""The sources of data by name; what ``--data`` takes. To add one, write its file and add its line here."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from explorer.data.pixels import Normalization
from explorer.system.callables import check_place, load_callable
from explorer.system.errors import DataError
from explorer.system.user_code import user_code

if TYPE_CHECKING:
    from explorer.data.dataset import Dataset

__all__ = ["SOURCES", "DataSource", "load_data", "look_at_data"]


@dataclass(frozen=True)
class DataSource:
    """A source of data.

    Args:
        name: what ``--data`` calls it.
        loader: ``module:function`` that returns a `Dataset`; it is called with the text behind the colon of
            ``NAME:FOLDER`` where there is one, else with nothing.
        summary: one line.
        folder: whether the name takes a folder of the user's.
        normalizes: whether the loader takes ``normalization``, which pixels are normalized by.
        look: ``module:function`` that refuses, without torch, a folder that holds something else; "" for none.
    """

    name: str
    loader: str
    summary: str
    folder: Literal["none", "needed", "optional"] = "none"
    normalizes: bool = False
    look: str = ""

    @property
    def usage(self) -> str:
        """As it is written behind ``--data``."""
        return self.name + {"none": "", "needed": ":FOLDER", "optional": "[:FOLDER]"}[self.folder]


_HERE = "explorer.data"
_SOURCES = (
    DataSource("digits", f"{_HERE}.digits:load_digits_dataset", "1,797 real handwritten digits of 8x8 pixels"),
    DataSource("glyphs32", f"{_HERE}.glyphs:load_glyphs", "24,000 synthetic 32x32 colour images of 24 characters"),
    DataSource(
        "cifar10",
        f"{_HERE}.cifar10:load_cifar10",
        "CIFAR-10, its python or binary version, unpacked",
        "needed",
        look=f"{_HERE}.cifar10:look_at_cifar10",
    ),
    DataSource(
        "fashion-mnist",
        f"{_HERE}.idx:load_fashion_mnist",
        "Fashion-MNIST, from Debian's package dataset-fashion-mnist or a folder",
        "optional",
        normalizes=True,
    ),
    DataSource(
        "idx",
        f"{_HERE}.idx:load_idx",
        "images and labels in a folder of IDX files, as MNIST has them",
        "needed",
        True,
        f"{_HERE}.idx:look_at_idx",
    ),
    DataSource(
        "images",
        f"{_HERE}.image_folder:load_image_folder",
        "train/CLASS/*.png, .jpg or .tif in a folder",
        "needed",
        True,
        f"{_HERE}.image_folder:look_at_image_folder",
    ),
)
SOURCES: Mapping[str, DataSource] = MappingProxyType({source.name: source for source in _SOURCES})
"""The sources by name, in the order in which they are listed."""


def load_data(text: str, any_targets: bool = False, normalization: Normalization | None = None) -> "Dataset":
    """The data that ``text`` names: a source of `SOURCES`, with its folder as ``cifar10:FOLDER``, or a callable.

    A callable is ``file.py:callable`` or ``package.module:callable``. It takes nothing and returns
    ``{'train': (x, y), 'validation': (x, y), 'test': (x, y)}`` of tensors or arrays, as `make_dataset` takes them;
    'test' may be left out, and so may labels, from all parts.

    Args:
        text: what ``--data`` says.
        any_targets: whether a callable may give targets of any kind in the place of labels.
        normalization: of pixels, where the source reads any and ``text`` says none.

    Raises:
        CallableError: the callable cannot be loaded.
        DataError: there is no such source, it cannot be read, the callable raises, or what it returns has faults.
    """
    source, rest = _named(text)
    if source is not None:
        return _load_source(source, rest, normalization)
    load = load_callable(text)
    from explorer.data.making import make_dataset

    with user_code(lambda reason: DataError(f"{text} returns data", reason, "mend the callable")):
        parts = load()
    return make_dataset(parts, name=text, origin=f"given by the user as {text}", any_targets=any_targets)


def look_at_data(text: str) -> None:
    """Refuses, before torch is loaded, what `load_data` would refuse by the files that are named.

    Raises:
        CallableError, DataError: as `load_data`.
    """
    source, folder = _named(text)
    if source is None:
        check_place(text)
        return
    _check_folder(source, folder)
    if source.look and folder:
        module, _, function = source.look.partition(":")
        getattr(import_module(module), function)(folder)


def _named(text: str) -> tuple[DataSource | None, str | None]:
    """The source that a text names and what stands behind its colon; no source for a callable.

    Raises:
        DataError: it is neither.
    """
    name, colon, rest = text.partition(":")
    if name in SOURCES:
        return SOURCES[name], rest if colon else None
    if not colon:
        close = difflib.get_close_matches(name, SOURCES, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        offered = ", ".join(source.usage for source in SOURCES.values())
        rule = "data are a source by name, or file.py:callable or package.module:callable"
        raise DataError(rule, text, f"{hint}the sources are {offered}")
    return None, None


def _load_source(source: DataSource, folder: str | None, normalization: Normalization | None) -> "Dataset":
    _check_folder(source, folder)
    module, _, function = source.loader.partition(":")
    load = getattr(import_module(module), function)
    named = {"normalization": normalization} if source.normalizes else {}
    dataset: Dataset = load(*([folder] if folder else []), **named)
    return dataset


def _check_folder(source: DataSource, folder: str | None) -> None:
    if folder == "" or (source.folder != "optional" and (source.folder == "needed") != bool(folder)):
        rule = f"the data {source.name} are named as {source.usage}"
        raise DataError(rule, source.name if folder is None else f"{source.name}:{folder}", f"write {source.usage}")
