"""Trainable layers, one per compressed form, that take the place of a convolution or linear layer.

A scheme is one file and one line of `TRAINABLE`. A layer starts from a fitted one (`explorer.forms.fitting`), is
trained with any optimizer, its `CompressedLayer.after_step` called after every step, and hands back the arrays that
would be stored.
"""

from collections.abc import Mapping

from torch import nn

from costmodels.schemes import Dense, LegoNet, LinearRepresentation, Pruned, Scheme, SparseBasis, StackedBinary
from explorer.errors import LayerError
from explorer.forms.compressed_layer import CompressedLayer
from explorer.forms.dense.layer import DenseLayer
from explorer.forms.fitted_layer import FittedLayer
from explorer.forms.linear_representation.layer import LinearRepresentationLayer
from explorer.forms.pruned.layer import PrunedLayer
from explorer.forms.sparse_basis.layer import SparseBasisLayer
from explorer.forms.stacked.layer import StackedLayer

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
        fitted: its compressed form, `explorer.forms.fitting.fit` of its weights.

    Raises:
        LayerError: as `CompressedLayer`, or the scheme has no layer.
    """
    kind = TRAINABLE.get(type(fitted.scheme))
    if kind is None:
        known = ", ".join(scheme.name for scheme in TRAINABLE)
        raise LayerError("the scheme has a trainable layer", fitted.scheme.name, f"choose one of {known}")
    return kind(module, fitted).train(module.training)
