"""How sensitive a network's answers are to errors of its weights, from second moments of activations and gradients.

Two sensitivity proxies follow from second moments over images:

- A = E x x^T, of input patches: the output's mean squared error is tr(D A D^T), D the errors of all filters as rows.
- G = E g g^T, of the gradients g of the loss at the layer's output, summed over places: the loss rises by half of
  tr(G D A D^T) where A and G are independent and the loss is at a minimum. That is the Kronecker-factored curvature of
  Martens & Grosse, ICML 2015, for convolutions Grosse & Martens, ICML 2016. Labels are drawn from the network's own
  answers, as the Fisher information asks for; none of the data's are used.

Of a network that is no classifier G is that of a unit error in any direction at all outputs, each in units of its own
root mean square: the Gauss-Newton matrix of the squared error, the Fisher information of normal noise.

Both follow the layer's scale, which a batch normalization after it takes out again: as shares of what they are for the
whole weights W in place of D they are noise-to-signal ratios, whose sum over layers orders designs better
(`benchmarks/proxies.py`).

Layers with more than 4,096 weights a filter keep the diagonal of A alone.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils import _pytree as pytree

from costmodels.shapes import ConvShape
from explorer.data.dataset import evenly, fewer_of_large
from explorer.data.quality import class_scores
from explorer.measurement.input_moments import input_moment, spread_rows
from explorer.measurement.layer_calls import LayerCall, LayerCalls
from explorer.networks.trace import TracedNetwork
from explorer.system.inputs import Batch, parts_of
from explorer.system.progress import staged

__all__ = ["IMAGES", "Moments", "layer_moments", "noise_to_signal_ratios", "output_errors"]

BATCH, BATCH_VALUES = 32, 2**19
IMAGES, MOST_VALUES = 2048, 2**23
"""Images that are looked at, and the values that they may have together."""

LEAST_IMAGES = 64
"""That are looked at whatever their size."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments at a layer, each up to one factor.

    Args:
        inputs: A by group, shape (g, D, D) with D = c/g*kh*kw, or its diagonal, shape (g, D).
        gradients: G by group, shape (g, n/g, n/g).
    """

    inputs: np.ndarray
    gradients: np.ndarray


def layer_moments(
    traced: TracedNetwork,
    images: Batch,
    seed: int = 0,
    classifies: bool = True,
    known: Collection[str] = (),
) -> dict[str, Moments]:
    """Moments of every layer, with the network's own weights.

    Args:
        traced: the network.
        images: (N, ...), of which up to 2,048, evenly spaced, are used.
        seed: of the labels, or directions of error, that are drawn.
        classifies: whether the first output is logits (N, classes), of which the loss is.
        known: layers whose inputs are known from elsewhere: A of theirs is empty.

    Returns:
        By layer name; layers that no gradient reaches are left out.
    """
    generator = torch.Generator().manual_seed(seed)
    sums: dict[str, tuple[Tensor, Tensor]] = {}
    chosen = evenly(images, fewer_of_large(IMAGES, images, MOST_VALUES, LEAST_IMAGES))
    batches = chosen.split(traced.fixed_batch or fewer_of_large(BATCH, images, BATCH_VALUES))
    nothing = torch.zeros(0, 0, 0, dtype=torch.float64)
    for batch in staged(batches, "finding what errors of each layer do", len(batches), "part"):
        if traced.fixed_batch is not None and len(batch) < traced.fixed_batch:
            batch = batch[torch.arange(traced.fixed_batch).clamp_max(len(batch) - 1)]
        for call, gradient in _calls_with_gradients(traced, batch, generator, classifies):
            moment = nothing if call.layer in known else input_moment(call)
            pair = moment, _gradient_moment(call.shape, gradient, call.is_linear)
            before = sums.get(call.layer)
            sums[call.layer] = pair if before is None else (before[0] + pair[0], before[1] + pair[1])
    return {name: Moments(inputs.numpy(), gradients.numpy()) for name, (inputs, gradients) in sums.items()}


def output_errors(moments: Moments, weights: np.ndarray, reconstructed: np.ndarray) -> tuple[float, float]:
    """tr(D A D^T) and tr(G D A D^T), summed over groups, for the errors D of compressed weights; 0 where the rounding
    of the moments would leave less.

    Args:
        moments: of the layer.
        weights: its own, (n, c/g, kh, kw).
        reconstructed: in their place, of the same shape.
    """
    errors, spread = spread_rows(moments.inputs, reconstructed.astype(np.float64) - weights)
    own, through = (spread * errors).sum(), ((moments.gradients @ errors) * spread).sum()
    return max(0.0, float(own)), max(0.0, float(through))


def noise_to_signal_ratios(moments: Moments, weights: np.ndarray, candidates: Iterable[np.ndarray]) -> np.ndarray:
    """`output_errors` of several compressed weights as shares of those of weights that are all zero.

    Args:
        moments: of the layer.
        weights: its own, (n, c/g, kh, kw).
        candidates: what could be in their place, each of the same shape.

    Returns:
        Shape (candidates, 2); 0 where the error of weights that are all zero is 0.

    >>> moments = Moments(np.ones((1, 1, 1)), np.ones((1, 1, 1)))
    >>> noise_to_signal_ratios(moments, np.full((1, 1, 1, 1), 2.0), [np.full((1, 1, 1, 1), 1.0)])
    array([[0.25, 0.25]])
    """
    errors = np.array([output_errors(moments, weights, reconstructed) for reconstructed in candidates])
    signals = np.array(output_errors(moments, weights, np.zeros_like(weights)))
    ratios: np.ndarray = np.divide(errors, signals, out=np.zeros_like(errors), where=signals != 0)
    return ratios


def _calls_with_gradients(
    traced: TracedNetwork, batch: Batch, generator: torch.Generator, classifies: bool
) -> Iterator[tuple[LayerCall, Tensor]]:
    """Every call of a layer on a batch (N, ...) that a gradient of the loss reaches, with that gradient."""
    calls: list[LayerCall] = []
    outputs: list[Tensor] = []

    def keep(call: LayerCall) -> Tensor:
        """Keeps a call, and an output that gradients reach and no in-place step changes."""
        calls.append(replace(call, inputs=call.inputs.detach()))
        outputs.append(call.outputs if call.outputs.requires_grad else call.outputs.detach().requires_grad_())
        return outputs[-1].clone()

    with torch.enable_grad():
        own = [part.detach().clone().requires_grad_(part.is_floating_point()) for part in parts_of(batch)]
        made = LayerCalls(traced, keep).run(*own)
        loss = _drawn_loss(made, generator) if classifies else _drawn_error(made, generator)
        gradients = torch.autograd.grad(loss, outputs, allow_unused=True)
    for call, gradient in zip(calls, gradients, strict=True):
        if gradient is not None:
            yield call, gradient


def _drawn_loss(made: Any, generator: torch.Generator) -> Tensor:
    """The cross-entropy of a batch's logits to labels drawn from the answers themselves."""
    logits = class_scores(made)
    assert logits is not None  # noqa: S101
    labels = torch.multinomial(logits.detach().softmax(1), 1, generator=generator)[:, 0]
    return functional.cross_entropy(logits, labels, reduction="sum")


def _drawn_error(made: Any, generator: torch.Generator) -> Tensor:
    """All outputs of a batch along a random direction of +-1, each output in units of its root mean square. The mean of
    the squares of its gradients over directions is that of the squared error's Gauss-Newton matrix."""
    parts = [part for part in pytree.tree_leaves(made) if isinstance(part, Tensor) and part.is_floating_point()]
    total = torch.zeros(())
    for part in parts:
        signs = torch.randint(0, 2, part.shape, generator=generator).to(part) * 2 - 1
        size = part.detach().square().mean().sqrt()
        total = total + (part * signs).sum() / (size if size > 0 else 1.0)
    return total


def _gradient_moment(shape: ConvShape, gradients: Tensor, is_linear: bool) -> Tensor:
    """The sum of g g^T in float64, by group: (g, n/g, n/g)."""
    outputs = shape.group_outputs
    if is_linear:
        flat = gradients.reshape(-1, 1, outputs, 1)
    else:
        flat = gradients.reshape(len(gradients), shape.groups, outputs, -1)
    return torch.einsum("ngop,ngqp->goq", flat, flat).double()
