"""Trainable layers, one per compressed form, that take the place of a convolution or linear layer.

A scheme is one file and one line of `TRAINABLE`. A layer starts from a fitted one (`explorer.fitting`), is trained with
any optimizer, its `CompressedLayer.after_step` called after every step, and hands back the arrays that would be stored.
"""

from collections.abc import Mapping

from torch import nn

from costmodels.schemes import Dense, LegoNet, LinearRepresentation, Pruned, Scheme, SparseBasis, StackedBinary
from explorer.errors import LayerError
from explorer.fitting.base import FittedLayer
from explorer.layers.base import CompressedLayer
from explorer.layers.dense import DenseLayer
from explorer.layers.linear_representation import LinearRepresentationLayer
from explorer.layers.pruned import PrunedLayer
from explorer.layers.sparse_basis import SparseBasisLayer
from explorer.layers.stacked import StackedLayer

__all__ = ["TRAINABLE", "CompressedLayer", "trainable"]

TRAINABLE: Mapping[type[Scheme], type[CompressedLayer]] = {
    Dense: DenseLayer,
    Pruned: PrunedLayer,
    StackedBinary: StackedLayer,
    LegoNet: StackedLayer,
    LinearRepresentation: LinearRepresentationLayer,
    SparseBasis: SparseBasisLayer,
}
"""The layer of each compressed form."""


def trainable(module: nn.Module, fitted: FittedLayer) -> CompressedLayer:
    """A layer that takes the place of ``module`` and starts from ``fitted``.

    Args:
        module: an ``nn.Conv2d`` that pads with zeros, or an ``nn.Linear``; it is left as it is.
        fitted: its compressed form, `explorer.fitting.fit` of its weights.

    Raises:
        LayerError: as `CompressedLayer`, or the scheme has no layer.
    """
    kind = TRAINABLE.get(type(fitted.scheme))
    if kind is None:
        known = ", ".join(scheme.name for scheme in TRAINABLE)
        raise LayerError("the scheme has a trainable layer", fitted.scheme.name, f"choose one of {known}")
    return kind(module, fitted).train(module.training)
