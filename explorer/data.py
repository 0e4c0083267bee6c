"""Labelled images in fixed training, validation and test parts, with their origin and a digest of their content.

Legend: N images of a part, C channels, H x W pixels.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.callables import load_callable
from explorer.errors import DataError

__all__ = ["PARTS", "Dataset", "Split", "check_network", "load_data", "load_digits_dataset", "make_dataset"]

PARTS = ("train", "validation", "test")
_DIGITS_TEST = 400
_DIGITS_VALIDATION = 300
_DIGITS_SEED = 0


@dataclass(frozen=True, eq=False)
class Split:
    """One part: inputs (N, ...) float32, commonly (N, C, H, W), and labels (N,) int64."""

    inputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled data; `make_dataset` builds and checks one.

    Args:
        name: short name. origin: where the data comes from, and whether it is real or synthetic.
        classes: labels run from 0 to classes - 1.
        train: for training, calibration and fine-tuning. validation: for choosing designs.
        test: untouched until a result is stated; None where there is none.
    """

    name: str
    origin: str
    classes: int
    train: Split
    validation: Split
    test: Split | None = None

    def part(self, name: str) -> Split:
        """The part of that name.

        Raises:
            DataError: the data has no such part.
        """
        found = getattr(self, name) if name in PARTS else None
        if not isinstance(found, Split):
            offered = ", ".join(part for part in PARTS if getattr(self, part) is not None)
            raise DataError(f"{self.name} has a part of that name", name, f"choose one of {offered}")
        return found

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all parts' shapes and values, in hexadecimal."""
        digest = hashlib.sha256(str(self.classes).encode())
        for name in PARTS:
            part = getattr(self, name)
            for tensor in () if part is None else (part.inputs, part.labels):
                digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
                digest.update(tensor.contiguous().numpy())
        return digest.hexdigest()


def load_digits_dataset() -> Dataset:
    """scikit-learn's bundled handwritten digits: 1,797 real images of 8x8 pixels in 10 classes.

    Pixels 0..16 are scaled to [0, 1]. The parts are fixed and stratified by class: 1,097 images for training, 300 for
    validation, 400 for the test. They are drawn from all images alike, so every part holds the same writers.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
    doi 10.24432/C50P49 (its test set, which is what scikit-learn bundles).
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    order = np.arange(len(labels))
    rest, test = train_test_split(order, test_size=_DIGITS_TEST, stratify=labels, random_state=_DIGITS_SEED)
    train, validation = train_test_split(
        rest, test_size=_DIGITS_VALIDATION, stratify=labels[rest], random_state=_DIGITS_SEED
    )
    parts = {"train": train, "validation": validation, "test": test}
    return make_dataset(
        {part: (images[chosen], labels[chosen]) for part, chosen in parts.items()},
        name="digits",
        origin="scikit-learn's bundled handwritten digits (real)",
    )


def load_data(text: str) -> Dataset:
    """The data that ``text`` names: ``digits``, or a callable as ``file.py:callable`` or ``package.module:callable``.

    The callable takes nothing and returns ``{'train': (x, y), 'validation': (x, y), 'test': (x, y)}`` of tensors or
    arrays, as `make_dataset` takes them; 'test' may be left out.

    Raises:
        CallableError: the callable cannot be loaded.
        DataError: the callable raises, or what it returns has faults.
    """
    if text == "digits":
        return load_digits_dataset()
    load = load_callable(text)
    try:
        parts = load()
    except Exception as error:
        raise DataError(f"{text} returns data", f"{type(error).__name__}: {error}", "mend the callable") from error
    return make_dataset(parts, name=text, origin=f"given by the user as {text}")


def make_dataset(parts: Any, name: str, origin: str) -> Dataset:
    """A checked dataset from tensors or arrays.

    Args:
        parts: a mapping of 'train', 'validation' and, if there is one, 'test' to (inputs, labels). Inputs are numbers
            of shape (N, ...), the same in every part but for N, and become float32 unchanged. Labels are integers of
            shape (N,) from 0 up, and training data holds the largest.
        name, origin: as in `Dataset`; say in the origin whether the data is real or synthetic.

    Raises:
        DataError: with every fault, one a line.
    """
    faults: list[str] = []
    splits: dict[str, Split] = {}
    if not isinstance(parts, Mapping):
        faults.append(f"a mapping of {', '.join(PARTS)} is wanted, not {type(parts).__name__}")
        parts = {}
    else:
        faults += [f"{part}: missing" for part in PARTS[:2] if part not in parts]
        faults += [f"{part}: unknown part; the parts are {', '.join(PARTS)}" for part in parts if part not in PARTS]
    for part in PARTS:
        if part in parts and (split := _split(part, parts[part], faults)) is not None:
            splits[part] = split
    faults += _disagreements(splits)
    if faults:
        raise DataError(f"the data of {name} can be used", "\n" + "\n".join(f"  {fault}" for fault in faults))
    return Dataset(name, origin, int(splits["train"].labels.max()) + 1, **splits)


def check_network(network: Callable[[Tensor], Any], dataset: Dataset) -> None:
    """Refuse a network that cannot take the data or has fewer outputs than there are classes; one input is tried.

    Raises:
        DataError: with the shapes of both.
    """
    image = dataset.train.inputs[:1]
    try:
        logits = network(image)
    except Exception as error:  # whatever the user's network raises
        raise DataError(
            f"the network takes the inputs of {dataset.name}",
            f"shape {tuple(image.shape)}: {type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}",
            "give data of the network's input shape",
        ) from error
    found = tuple(logits.shape) if isinstance(logits, Tensor) else ()
    if len(found) != 2 or found[1] < dataset.classes:
        raise DataError(
            f"the network gives one logit for each of the {dataset.classes} classes of {dataset.name}",
            f"an output of shape {found}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}",
            "give a classifier with that many outputs",
        )


def _split(part: str, given: Any, faults: list[str]) -> Split | None:
    """The part as tensors, or None where they cannot be had; its faults are added to ``faults``."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        faults.append(f"{part}: a pair (inputs, labels) is wanted, not {type(given).__name__}")
        return None
    inputs, labels = (
        _tensor(part, what, value, faults) for what, value in zip(("inputs", "labels"), given, strict=True)
    )
    if inputs is None or labels is None:
        return None
    known = len(faults)
    if inputs.ndim < 2:
        faults.append(f"{part}: inputs have shape {tuple(inputs.shape)}; (N, ...) is wanted, for images (N, C, H, W)")
    elif inputs.numel() == 0:
        faults.append(f"{part}: no inputs, shape {tuple(inputs.shape)}")
    if inputs.is_complex():
        faults.append(f"{part}: inputs are complex; real numbers are wanted")
    elif not (finite := torch.isfinite(inputs := inputs.to(torch.float32))).all():
        faults.append(f"{part}: inputs hold {int((~finite).sum()):,} values that are NaN or infinite in float32")
    if labels.ndim != 1:
        faults.append(f"{part}: labels have shape {tuple(labels.shape)}; (N,) is wanted")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        faults.append(f"{part}: labels are {labels.dtype}; integers are wanted")
    elif labels.numel() and int((labels := labels.to(torch.int64)).min()) < 0:
        faults.append(f"{part}: labels start at {int(labels.min())}; 0 is the least")
    if inputs.ndim and labels.ndim and len(inputs) != len(labels):
        faults.append(f"{part}: {len(inputs):,} inputs but {len(labels):,} labels")
    return Split(inputs.contiguous(), labels.contiguous()) if len(faults) == known else None


def _tensor(part: str, what: str, value: Any, faults: list[str]) -> Tensor | None:
    """A tensor on the CPU without gradient that nobody else writes to."""
    try:
        return torch.tensor(np.asarray(value)) if not isinstance(value, Tensor) else value.detach().cpu().clone()
    except (TypeError, ValueError, RuntimeError) as error:
        faults.append(f"{part}: {what} are no array of numbers ({error})")
        return None


def _disagreements(splits: Mapping[str, Split]) -> list[str]:
    """Faults between the training part and the others."""
    train = splits.get("train")
    if train is None:
        return []
    faults = []
    largest, shape = int(train.labels.max()), tuple(train.inputs.shape[1:])
    for part, split in splits.items():
        if tuple(split.inputs.shape[1:]) != shape:
            faults.append(f"{part}: inputs of shape {tuple(split.inputs.shape[1:])}, but {shape} in train")
        if int(split.labels.max()) > largest:
            faults.append(f"{part}: labels go to {int(split.labels.max())}, but only to {largest} in train")
    return faults
