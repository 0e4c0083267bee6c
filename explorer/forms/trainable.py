"""Trainable layers, one per compressed form, that take the place of a convolution or linear layer.

A layer starts from a fitted one (`explorer.forms.fitting`), is trained with any optimizer, its
`CompressedLayer.after_step` called after every step, and hands back the arrays that would be stored.
"""

from torch import nn

from explorer.forms import FORMS
from explorer.forms.compressed_layer import CompressedLayer
from explorer.forms.fitted_layer import FittedLayer
from explorer.system.errors import LayerError

__all__ = ["CompressedLayer", "trainable"]


def trainable(module: nn.Module, fitted: FittedLayer) -> CompressedLayer:
    """A layer that takes the place of ``module`` and starts from ``fitted``.

    Args:
        module: an ``nn.Conv2d`` that pads with zeros, or an ``nn.Linear``; it is left as it is.
        fitted: its compressed form, `explorer.forms.fitting.fit` of its weights.

    Raises:
        LayerError: as `CompressedLayer`, or the scheme has no layer.
    """
    form = FORMS.get(type(fitted.scheme))
    if form is None:
        known = ", ".join(scheme.name for scheme in FORMS)
        raise LayerError("the scheme has a trainable layer", fitted.scheme.name, f"choose one of {known}")
    return form.layer(module, fitted).train(module.training)
