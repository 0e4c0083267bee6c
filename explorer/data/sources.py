"""The sources of data by name; what ``--data`` takes. To add one, write its file and add its line here."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Literal

from explorer.data.dataset import Dataset
from explorer.data.making import make_dataset
from explorer.data.pixels import Normalization
from explorer.system.callables import load_callable
from explorer.system.errors import DataError
from explorer.system.user_code import user_code

__all__ = ["SOURCES", "DataSource", "load_data"]


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
    """

    name: str
    loader: str
    summary: str
    folder: Literal["none", "needed", "optional"] = "none"
    normalizes: bool = False

    @property
    def usage(self) -> str:
        """As it is written behind ``--data``."""
        return self.name + {"none": "", "needed": ":FOLDER", "optional": "[:FOLDER]"}[self.folder]


_HERE = "explorer.data"
_SOURCES = (
    DataSource("digits", f"{_HERE}.digits:load_digits_dataset", "1,797 real handwritten digits of 8x8 pixels"),
    DataSource("glyphs32", f"{_HERE}.glyphs:load_glyphs", "24,000 synthetic 32x32 colour images of 24 characters"),
    DataSource(
        "cifar10", f"{_HERE}.cifar10:load_cifar10", "CIFAR-10, its python or binary version, unpacked", "needed"
    ),
    DataSource(
        "fashion-mnist",
        f"{_HERE}.idx:load_fashion_mnist",
        "Fashion-MNIST, from Debian's package dataset-fashion-mnist or a folder",
        "optional",
        normalizes=True,
    ),
    DataSource(
        "idx", f"{_HERE}.idx:load_idx", "images and labels in a folder of IDX files, as MNIST has them", "needed", True
    ),
    DataSource(
        "images",
        f"{_HERE}.image_folder:load_image_folder",
        "train/CLASS/*.png, .jpg or .tif in a folder",
        "needed",
        True,
    ),
)
SOURCES: Mapping[str, DataSource] = MappingProxyType({source.name: source for source in _SOURCES})
"""The sources by name, in the order in which they are listed."""


def load_data(text: str, any_targets: bool = False, normalization: Normalization | None = None) -> Dataset:
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
    name, colon, rest = text.partition(":")
    if name in SOURCES:
        return _load_source(SOURCES[name], rest if colon else None, normalization)
    if not colon:
        close = difflib.get_close_matches(name, SOURCES, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        offered = ", ".join(source.usage for source in SOURCES.values())
        rule = "data are a source by name, or file.py:callable or package.module:callable"
        raise DataError(rule, text, f"{hint}the sources are {offered}")
    load = load_callable(text)
    with user_code(lambda reason: DataError(f"{text} returns data", reason, "mend the callable")):
        parts = load()
    return make_dataset(parts, name=text, origin=f"given by the user as {text}", any_targets=any_targets)


def _load_source(source: DataSource, folder: str | None, normalization: Normalization | None) -> Dataset:
    if folder == "" or (source.folder != "optional" and (source.folder == "needed") != bool(folder)):
        rule = f"the data {source.name} are named as {source.usage}"
        raise DataError(rule, source.name if folder is None else f"{source.name}:{folder}", f"write {source.usage}")
    module, _, function = source.loader.partition(":")
    load = getattr(import_module(module), function)
    named = {"normalization": normalization} if source.normalizes else {}
    dataset: Dataset = load(*([folder] if folder else []), **named)
    return dataset
