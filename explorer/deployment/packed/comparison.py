"""A packed network compared with torch, image by image: how far apart their outputs are, and who is right how often."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils import _pytree as pytree

from explorer.data.quality import count_correct
from explorer.measurement.activation_ranges import ActivationRanges
from explorer.measurement.quantized_graph import quantized_graph
from explorer.networks.trace import TracedNetwork
from explorer.system.progress import Stage

__all__ = ["TOLERANCE", "Comparison", "compare", "exact_runner", "torch_runner"]

TOLERANCE = 1e-4
"""Outputs are equal that are no farther apart, in units of the largest output where that is above 1."""

_ROUNDINGS = 4
_MOST_ROUNDING = 1e-2
"""Sums in another order may be so many times as far apart as 32-bit floats put the network from 64-bit ones. Where
these are farther apart than that share of the largest output, rounding explains nothing."""

_BATCH = 50
Runner = Callable[..., Any]
"""From inputs (N, ...) to a tensor (N, ...), or to several in any structure."""


@dataclass(frozen=True)
class Comparison:
    """Outputs of two networks on the same images.

    Args:
        images: how many.
        deviation: the largest difference of two outputs.
        largest_output: of both, in magnitude.
        apart: images of which an output differs by more than `TOLERANCE`, or than rounding explains.
        answers_apart: images that they answer otherwise.
        correct: right answers of the one; None without labels.
        correct_other: right answers of the other; None without labels.
        rounding: the largest difference of the other from itself in 64-bit floats, where that was asked for.
    """

    images: int
    deviation: float
    largest_output: float
    apart: int
    answers_apart: int
    correct: int | None
    correct_other: int | None
    rounding: float = 0.0

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

    def run(*inputs: Tensor) -> Any:
        with torch.inference_mode():
            return functional_call(graph, {}, inputs)

    return run


def exact_runner(traced: TracedNetwork) -> Runner:
    """The network in torch in 64-bit floats, activations as they are."""
    graph = quantized_graph(traced, ActivationRanges(32, {}))
    state = {name: _in_64_bits(value) for name, value in (*graph.named_parameters(), *graph.named_buffers())}

    def run(*inputs: Tensor) -> Any:
        with torch.inference_mode():
            return functional_call(graph, state, tuple(map(_in_64_bits, inputs)))

    return run


def _in_64_bits(tensor: Tensor) -> Tensor:
    return tensor.detach().double() if tensor.is_floating_point() else tensor


def compare(
    one: Runner,
    other: Runner,
    images: Tensor | tuple[Tensor, ...],
    labels: Tensor | None = None,
    batch: int | None = None,
    title: str = "",
    exact: Runner | None = None,
) -> Comparison:
    """Runs both networks on all images.

    Args:
        one: from images (N, ...) to outputs (N, ...).
        other: from images (N, ...) to outputs (N, ...), what the one is held to.
        images: (N, ...); of several inputs, a tuple.
        labels: (N,) of whole numbers.
        batch: images that they take at once; images that fill no batch are left out.
        title: of the progress bar.
        exact: the other in 64-bit floats: how far these are from the other's is what rounding explains.
    """
    inputs = images if isinstance(images, tuple) else (images,)
    count = len(inputs[0])
    parts = [part for part in range(0, count, batch or _BATCH) if batch is None or part + batch <= count]
    found, expected, precise = [], [], []
    with Stage(title, count, "image", shown=None if title else False) as bar:
        for first in parts:
            part = [tensor[first : first + (batch or _BATCH)] for tensor in inputs]
            found.append(_outputs(one(*part), len(part[0])))
            expected.append(_outputs(other(*part), len(part[0])))
            precise.append(expected[-1] if exact is None else _outputs(exact(*part), len(part[0])))
            bar.update(len(part[0]))
    pairs = [
        _compared(torch.cat(mine), torch.cat(theirs), torch.cat(exactly), labels)
        for mine, theirs, exactly in zip(
            *(zip(*of_batches, strict=True) for of_batches in (found, expected, precise)), strict=True
        )
    ]
    return pairs[0] if len(pairs) == 1 else _together(pairs)


def _outputs(made: Any, count: int) -> list[Tensor]:
    """All tensors of an output (N, values); one without a batch is the same for every image."""
    leaves = [leaf.double() for leaf in pytree.tree_leaves(made) if isinstance(leaf, Tensor)]
    whole = [leaf if leaf.ndim and len(leaf) == count else leaf.expand(count, *leaf.shape) for leaf in leaves]
    return [leaf.reshape(count, -1) for leaf in whole]


def _together(outputs: list[Comparison]) -> Comparison:
    """Of several outputs, each held to its own largest value: the worst of each figure. Labels are of none."""
    names = ("deviation", "largest_output", "rounding")
    worst = {name: max(getattr(found, name) for found in outputs) for name in names}
    counts = {name: max(getattr(found, name) for found in outputs) for name in ("apart", "answers_apart")}
    return Comparison(images=outputs[0].images, correct=None, correct_other=None, **worst, **counts)


def _compared(found: Tensor, expected: Tensor, precise: Tensor, labels: Tensor | None) -> Comparison:
    largest = float(torch.maximum(found.abs().max(), expected.abs().max()))
    differences = (found - expected).abs().flatten(1).amax(1)
    rounding = float((expected - precise).abs().max())
    explained = _ROUNDINGS * rounding if rounding <= _MOST_ROUNDING * max(1.0, largest) else 0.0
    bound = max(TOLERANCE * max(1.0, largest), explained)
    answers = int((found.flatten(1).argmax(1) != expected.flatten(1).argmax(1)).sum())
    of_images = None if labels is None else labels[: len(found)]
    correct, correct_other = (None if of_images is None else count_correct(one, of_images) for one in (found, expected))
    close = differences <= bound  # False for what is not finite
    deviation = float(differences.max()) if math.isfinite(float(differences.max())) else math.inf
    apart = int((~close).sum())
    return Comparison(len(found), deviation, largest, apart, answers, correct, correct_other, rounding)
