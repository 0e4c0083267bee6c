"""Images in fixed training, validation and test parts, with labels or without, with their origin and a digest.

Legend: N images of a part, C channels, H x W pixels.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from explorer.data.parts import PARTS
from explorer.data.pixels import Normalization
from explorer.data.targets import chosen_targets, targets_digest
from explorer.system.errors import DataError
from explorer.system.inputs import Batch, Inputs, parts_of, values_of_one

__all__ = ["PARTS", "Dataset", "Split", "check_network", "evenly", "fewer_of_large"]


@dataclass(frozen=True, eq=False)
class Split:
    """One part.

    Args:
        inputs: (N, ...) float32, commonly (N, C, H, W); several such of a network of several inputs.
        labels: (N,) int64; None without labels.
        targets: of any kind, for a metric of the user's (`explorer.data.targets`); None where labels are all there is,
            or nothing.
    """

    inputs: Batch
    labels: Tensor | None = None
    targets: Any = None

    def __len__(self) -> int:
        return len(self.inputs)

    def of(self, chosen: Tensor | slice) -> "Split":
        """The images of these places alone."""
        labels = None if self.labels is None else self.labels[chosen]
        return Split(self.inputs[chosen], labels, chosen_targets(self.targets, chosen))

    @property
    def judged_by(self) -> Any:
        """What a metric compares outputs with: the targets, or else the labels; None without either."""
        return self.labels if self.targets is None else self.targets

    def without_labels(self) -> "Split":
        """The same with its labels as targets, which classify nothing."""
        return Split(self.inputs, None, self.judged_by)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Data; `make_dataset` builds and checks them. All parts have labels, or none has.

    Args:
        name: short name.
        origin: where the data comes from, and whether it is real or synthetic.
        classes: labels run from 0 to classes - 1; 0 without labels.
        train: for training, calibration and fine-tuning.
        validation: for choosing designs.
        test: untouched until a result is stated; None where there is none.
        notes: what a reader must know of the data, such as a channel that never changes.
        normalization: by which pixels became inputs; None where the inputs were given as they are.
    """

    name: str
    origin: str
    classes: int
    train: Split
    validation: Split
    test: Split | None = None
    notes: tuple[str, ...] = ()
    normalization: Normalization | None = None

    @property
    def is_labelled(self) -> bool:
        """Whether there are labels."""
        return self.train.labels is not None

    @property
    def parts(self) -> dict[str, Split]:
        """The parts that there are, by name, in the order of `PARTS`."""
        return {name: split for name in PARTS if (split := getattr(self, name)) is not None}

    def part(self, name: str) -> Split:
        """The part of that name.

        Raises:
            DataError: the data has no such part.
        """
        if name not in self.parts:
            raise DataError(f"{self.name} has a part of that name", name, f"choose one of {', '.join(self.parts)}")
        return self.parts[name]

    def with_validation(self, images: int | None) -> "Dataset":
        """The same with at most so many validation images, evenly spaced over all of them; None leaves all.

        Raises:
            DataError: fewer than one is asked for.
        """
        if images is None or images >= len(self.validation):
            return self
        if images < 1:
            raise DataError("designs are measured on at least one image", images, "raise it")
        chosen = torch.arange(images) * len(self.validation) // images
        return replace(self, validation=self.validation.of(chosen))

    def in_order(self, names: Sequence[str]) -> "Dataset":
        """The same with several inputs, where they have names, in the order of a network's arguments.

        Args:
            names: of the arguments.

        Raises:
            DataError: the network has arguments of other names.
        """
        own = self.train.inputs.names if isinstance(self.train.inputs, Inputs) else ()
        if not own or tuple(names) == own:
            return self
        if set(own) != set(names):
            rule = f"inputs have the names of the network's arguments, {', '.join(names)}"
            raise DataError(rule, ", ".join(own), "rename them, or give them as a tuple in the order of the arguments")
        return self.mapped(lambda inputs: inputs.in_order(names))

    def mapped(self, function: Callable[[Inputs], Inputs]) -> "Dataset":
        """The same with a function of the inputs of every part, where these are several."""

        def of(split: Split) -> Split:
            own = split.inputs
            return replace(split, inputs=function(own)) if isinstance(own, Inputs) else split

        test = None if self.test is None else of(self.test)
        return replace(self, train=of(self.train), validation=of(self.validation), test=test)

    @property
    def has_targets(self) -> bool:
        """Whether there is something that a metric compares outputs with."""
        return self.train.judged_by is not None

    def without_labels(self) -> "Dataset":
        """The same with its labels as targets, which classify nothing."""
        train, validation = self.train.without_labels(), self.validation.without_labels()
        test = None if self.test is None else self.test.without_labels()
        return replace(self, classes=0, train=train, validation=validation, test=test)

    def check_labelled(self, purpose: str, remedy: str) -> None:
        """Refuses data without labels where they are needed.

        Args:
            purpose: what labels are needed for, as the rule of the message.
            remedy: what to do without them.

        Raises:
            DataError: there are none.
        """
        if not self.is_labelled:
            raise DataError(purpose, f"{self.name} without labels", remedy)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all parts' shapes and values, in hexadecimal."""
        digest = hashlib.sha256(str(self.classes).encode())
        for name, part in self.parts.items():
            for tensor in (*parts_of(part.inputs), *([] if part.labels is None else [part.labels])):
                digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
                digest.update(tensor.contiguous().numpy().data)
            if part.targets is not None:
                digest.update(targets_digest(part.targets))
        return digest.hexdigest()


Some = TypeVar("Some", Tensor, Inputs, Batch)


def evenly(images: Some, count: int) -> Some:
    """Up to so many of the images (N, ...), evenly spaced over all of them."""
    return images[torch.linspace(0, len(images) - 1, min(count, len(images)), dtype=torch.float64).long()]


def fewer_of_large(count: int, images: Batch, values: int, least: int = 1) -> int:
    """How many images of that size are taken at once, or in all: a bound on memory, and on time where one image has
    as many places as hundreds of small ones.

    Args:
        count: of small images.
        images: (N, ...).
        values: that all may have together.
        least: that are taken whatever their size, if ``count`` allows it.

    >>> fewer_of_large(256, torch.zeros(1, 3, 32, 32), 2**22), fewer_of_large(256, torch.zeros(1, 3, 224, 224), 2**22)
    (256, 27)
    """
    return min(count, max(least, values // max(1, values_of_one(images))))


def check_network(network: Callable[[Any], Any], dataset: Dataset) -> None:
    """Refuse a network that cannot take the data or has fewer outputs than there are classes; one input is tried.

    Any output will do where there are no labels.

    Raises:
        DataError: with the shapes of both.
    """
    logits = answer_of_one(network, dataset)
    if not dataset.is_labelled:
        return
    found = tuple(logits.shape) if isinstance(logits, Tensor) else ()
    if len(found) != 2 or found[1] < dataset.classes:
        raise DataError(
            f"the network gives one logit for each of the {dataset.classes} classes of {dataset.name}",
            f"an output of shape {found}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}",
            "give a classifier with that many outputs",
        )


def answer_of_one(network: Callable[[Any], Any], dataset: Dataset, times: int = 1) -> Any:
    """What a network gives for the first training input, so many times in a batch.

    Raises:
        DataError: it cannot take it; with the shapes of both.
    """
    image = dataset.train.inputs[torch.zeros(times, dtype=torch.int64)]
    try:
        return network(image)
    except Exception as error:  # whatever the user's network raises
        shapes = " and ".join(str(tuple(part.shape)) for part in parts_of(image))
        raise DataError(
            f"the network takes the inputs of {dataset.name}",
            f"shape {shapes}: {type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}",
            "give data of the network's input shape",
        ) from error
