"""What the outputs of a network look like, where they are taken for something else."""

import torch
from torch import Tensor

from explorer.networks.trace import TracedNetwork
from explorer.system.inputs import Batch, called

__all__ = ["probability_note"]

_IMAGES = 16
_NEAR = 1e-3
"""Distance from 1 up to which a sum of probabilities is one: sixteen-bit ones are rounded."""


def probability_note(traced: TracedNetwork, images: Batch) -> str | None:
    """A warning where outputs look like probabilities: none is negative, and those of an image sum to 1.

    Loss, sensitivity proxies and fine-tuning take the outputs of a classifier for logits; of probabilities they make
    probabilities again, which differ by little.

    Args:
        traced: the network; more than one output says nothing.
        images: (N, ...) that it takes, of which a few are looked at.
    """
    size = traced.fixed_batch or min(_IMAGES, len(images))
    if len(images) < size:
        images = images[torch.arange(size).clamp_max(len(images) - 1)]
    with torch.inference_mode():
        outputs = called(traced.graph, images[:size])
    if not isinstance(outputs, Tensor) or outputs.ndim < 2 or outputs.shape[1] < 2 or not outputs.is_floating_point():
        return None
    sums = outputs.sum(1)
    if float(outputs.min()) < 0 or float((sums - 1).abs().max()) > _NEAR or bool(outputs.isnan().any()):
        return None
    return (
        "the outputs look like probabilities: those of an image sum to 1. They are read as logits, so the loss is far "
        "too great; return what goes into the softmax"
    )
