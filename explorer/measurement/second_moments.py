"""How sensitive a network's answers are to errors of its weights, from second moments of activations and gradients.

The error that a compressed layer makes in its own output is x^T d for an input patch x and an error d of a filter. Two
guesses of its harm follow from second moments over images:

- A = E x x^T, of patches: the output's mean squared error is tr(D A D^T), D the errors of all filters as rows.
- G = E g g^T, of the gradients g of the loss at the layer's output, summed over places: the loss rises by half of
  tr(G D A D^T) where A and G are independent and the loss is at a minimum. That is the Kronecker-factored curvature of
  Martens & Grosse, ICML 2015, for convolutions Grosse & Martens, ICML 2016. Labels are drawn from the network's own
  answers, as the Fisher information asks for; none of the data's are used.

Both follow the layer's scale, which a batch normalization after it takes out again: as shares of what they are for the
whole weights W in place of D they are noise-to-signal ratios, whose sum over layers orders designs better
(`benchmarks/proxies.py`).

Layers with more than 4,096 weights a filter keep the diagonal of A alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node
from torch.nn import functional

from costmodels import ConvShape
from explorer.data.dataset import evenly
from explorer.networks.layer_nodes import arguments, operation_name, weight_of
from explorer.networks.trace import TracedNetwork

__all__ = ["IMAGES", "Moments", "input_moment", "layer_moments", "output_errors", "output_noises", "spread_rows"]

MOST_FULL = 4096
BATCH = 32
IMAGES = 2048


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments at a layer, each up to one factor.

    Args:
        inputs: A by group, shape (g, D, D) with D = c/g*kh*kw, or its diagonal, shape (g, D).
        gradients: G by group, shape (g, n/g, n/g).
    """

    inputs: np.ndarray
    gradients: np.ndarray


def layer_moments(traced: TracedNetwork, images: Tensor, seed: int = 0) -> dict[str, Moments]:
    """Moments of every layer, with the network's own weights.

    Args:
        traced: gives logits (N, classes) for one input (N, ...).
        images: (N, ...), of which up to 2,048, evenly spaced, are used.
        seed: of the labels that are drawn.
    """
    names = {layer.weight: layer.name for layer in traced.spec.layers}
    generator = torch.Generator().manual_seed(seed)
    sums: dict[str, tuple[Tensor, Tensor]] = {}
    for batch in evenly(images, IMAGES).split(traced.fixed_batch or BATCH):
        if traced.fixed_batch is not None and len(batch) < traced.fixed_batch:
            batch = batch[torch.arange(traced.fixed_batch).clamp_max(len(batch) - 1)]
        with torch.enable_grad():
            run = _LayerRecorder(traced.graph, names)
            logits = run.run(batch.detach().clone().requires_grad_(batch.is_floating_point()))
            labels = torch.multinomial(logits.detach().softmax(1), 1, generator=generator)[:, 0]
            outputs = [output for _, _, output, _ in run.kept]
            loss = functional.cross_entropy(logits, labels, reduction="sum")
            gradients = torch.autograd.grad(loss, outputs, allow_unused=True)
        for (name, values, _, linear), gradient in zip(run.kept, gradients, strict=True):
            if gradient is not None:
                pair = _pair(traced.spec.layer(name).shape, values.detach(), gradient, linear)
                before = sums.get(name)
                sums[name] = pair if before is None else (before[0] + pair[0], before[1] + pair[1])
    return {name: Moments(inputs.numpy(), gradients.numpy()) for name, (inputs, gradients) in sums.items()}


def output_errors(moments: Moments, shape: ConvShape, weights: np.ndarray, rebuilt: np.ndarray) -> tuple[float, float]:
    """tr(D A D^T) and tr(G D A D^T), summed over groups, of compressed weights (n, c/g, kh, kw)."""
    errors, spread = spread_rows(moments.inputs, rebuilt.astype(np.float64) - weights)
    return float((spread * errors).sum()), float(((moments.gradients @ errors) * spread).sum())


def spread_rows(inputs: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """V and V A by group, shape (g, n/g, D), of values (n, c/g, kh, kw) and A as in `Moments`."""
    rows = values.reshape(len(inputs), len(values) // len(inputs), -1)
    return rows, rows @ inputs if inputs.ndim == 3 else rows * inputs[:, None, :]


def output_noises(
    moments: Moments, shape: ConvShape, weights: np.ndarray, candidates: Iterable[np.ndarray]
) -> np.ndarray:
    """`output_errors` of several compressed weights, (n, c/g, kh, kw) each, as shares of those of weights that are all
    zero; 0 where these are 0. Shape (candidates, 2).

    >>> one = ConvShape(1, 1, (1, 1), (1, 1))
    >>> moments = Moments(np.ones((1, 1, 1)), np.ones((1, 1, 1)))
    >>> output_noises(moments, one, np.full((1, 1, 1, 1), 2.0), [np.full((1, 1, 1, 1), 1.0)])
    array([[0.25, 0.25]])
    """
    errors = np.array([output_errors(moments, shape, weights, rebuilt) for rebuilt in candidates])
    signals = np.array(output_errors(moments, shape, weights, np.zeros_like(weights)))
    return np.divide(errors, signals, out=np.zeros_like(errors), where=signals != 0)


class _LayerRecorder(Interpreter):
    """Runs a graph and keeps every layer's input and output, in order."""

    def __init__(self, graph: GraphModule, names: Mapping[str, str]) -> None:
        super().__init__(graph)
        self._names = names
        self.kept: list[tuple[str, Tensor, Tensor, bool]] = []

    def run_node(self, n: Node) -> Any:
        """The node's value; a layer's output is one that gradients reach, and no in-place step changes."""
        value = super().run_node(n)
        weight = weight_of(n) if n.op == "call_function" else None
        if weight is None or str(weight.target) not in self._names:
            return value
        output = value if value.requires_grad else value.detach().requires_grad_()
        source = arguments(n)["input"]
        linear = operation_name(n) == "linear"
        self.kept.append((self._names[str(weight.target)], self.env[source], output, linear))
        return output.clone()


def _pair(shape: ConvShape, values: Tensor, gradients: Tensor, linear: bool) -> tuple[Tensor, Tensor]:
    """Sums of x x^T and of g g^T in float64, by group."""
    outputs = shape.out_channels // shape.groups
    if linear:
        flat = gradients.reshape(-1, 1, outputs, 1)
    else:
        flat = gradients.reshape(len(gradients), shape.groups, outputs, -1)
    return input_moment(shape, values, linear), torch.einsum("ngop,ngqp->goq", flat, flat).double()


def input_moment(shape: ConvShape, values: Tensor, linear: bool) -> Tensor:
    """The sum of x x^T over a layer's input patches, in float64.

    Args:
        values: the layer's input, (N, c, h, w), or (..., c) of a linear layer.

    Returns:
        Shape (g, D, D) with D = c/g*kh*kw, or the diagonal (g, D) where D is above `MOST_FULL`.
    """
    patches = values.reshape(-1, 1, shape.in_channels, 1) if linear else _patches(shape, values)
    if patches.shape[2] > MOST_FULL:
        return patches.square().sum(dim=(0, 3)).double()
    return torch.einsum("ngip,ngjp->gij", patches, patches).double()


def _patches(shape: ConvShape, values: Tensor) -> Tensor:
    """Input patches of a convolution, shape (N, g, c/g*kh*kw, places)."""
    images = values if values.dim() == 4 else values[:, :, None, :]
    (top, bottom), (left, right) = shape.pads
    padded = functional.pad(images, (left, right, top, bottom))
    columns = functional.unfold(padded, shape.kernel, dilation=shape.dilation, stride=shape.stride)
    return columns.reshape(len(columns), shape.groups, -1, columns.shape[2])
