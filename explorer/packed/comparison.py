"""A packed network compared with torch, image by image: how far apart their outputs are, and who is right how often."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from explorer.data.quality import count_correct
from explorer.measurement.activation_ranges import ActivationRanges
from explorer.measurement.quantized_graph import quantized_graph
from explorer.networks.trace import TracedNetwork
from explorer.system.progress import Stage

__all__ = ["TOLERANCE", "Comparison", "compare", "torch_runner"]

TOLERANCE = 1e-4
"""Outputs are equal that are no farther apart, in units of the largest output where that is above 1."""

_BATCH = 50
Runner = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Comparison:
    """Outputs of two networks on the same images.

    Args:
        images: how many.
        deviation: the largest difference of two outputs.
        largest_output: of both, in magnitude.
        apart: images of which an output differs by more than `TOLERANCE`.
        answers_apart: images that they answer otherwise.
        correct: right answers of the one; None without labels.
        correct_other: right answers of the other; None without labels.
    """

    images: int
    deviation: float
    largest_output: float
    apart: int
    answers_apart: int
    correct: int | None
    correct_other: int | None

    @property
    def equal(self) -> bool:
        """Whether all outputs are equal within the tolerance."""
        return self.apart == 0

    @property
    def accuracy(self) -> float | None:
        """Share of 1 of the first network's right answers."""
        return None if self.correct is None else self.correct / self.images

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "accuracy": self.accuracy, "tolerance": TOLERANCE}


def torch_runner(traced: TracedNetwork, ranges: ActivationRanges) -> Runner:
    """The network in torch, with the weights that it has and rounded activations."""
    graph = quantized_graph(traced, ranges)

    def run(images: Tensor) -> Tensor:
        with torch.inference_mode():
            found: Tensor = functional_call(graph, {}, (images,))
            return found

    return run


def compare(
    one: Runner, other: Runner, images: Tensor, labels: Tensor | None = None, batch: int | None = None, title: str = ""
) -> Comparison:
    """Runs both networks on all images.

    Args:
        one: from images (N, ...) to outputs (N, ...).
        other: from images (N, ...) to outputs (N, ...), what the one is held to.
        images: (N, ...).
        labels: (N,) of whole numbers.
        batch: images that they take at once; images that fill no batch are left out.
        title: of the progress bar.
    """
    parts = [part for part in range(0, len(images), batch or _BATCH) if batch is None or part + batch <= len(images)]
    found, expected = [], []
    with Stage(title, len(images), "image", shown=None if title else False) as bar:
        for first in parts:
            part = images[first : first + (batch or _BATCH)]
            found.append(one(part).double())
            expected.append(other(part).double())
            bar.update(len(part))
    return _compared(torch.cat(found), torch.cat(expected), labels)


def _compared(found: Tensor, expected: Tensor, labels: Tensor | None) -> Comparison:
    largest = float(torch.maximum(found.abs().max(), expected.abs().max()))
    differences = (found - expected).abs().flatten(1).amax(1)
    bound = TOLERANCE * max(1.0, largest)
    answers = int((found.flatten(1).argmax(1) != expected.flatten(1).argmax(1)).sum())
    of_images = None if labels is None else labels[: len(found)]
    correct, correct_other = (None if of_images is None else count_correct(one, of_images) for one in (found, expected))
    close = differences <= bound  # False for what is not finite
    deviation = float(differences.max()) if math.isfinite(float(differences.max())) else math.inf
    return Comparison(len(found), deviation, largest, int((~close).sum()), answers, correct, correct_other)
