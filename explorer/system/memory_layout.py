"""How the values of images lie in memory. On CPUs convolutions are faster where a pixel's channels lie side by side."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from explorer.system.inputs import Batch, called, mapped, parts_of

__all__ = ["channels_last", "takes_channels_last"]


def channels_last(images: Batch) -> Batch:
    """The same images (N, C, H, W) with the values of a pixel's channels side by side; other tensors as they are."""
    return mapped(images, _channels_last)


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last) if images.dim() == 4 else images


def takes_channels_last(network: Callable[..., Any], inputs: Batch) -> bool:
    """Whether a network runs on such images; a `Tensor.view` that joins channels and places refuses them.

    Args:
        network: runs on the inputs as they are.
        inputs: (N, ...).
    """
    try:
        with torch.inference_mode():
            called(network, channels_last(inputs))
    except RuntimeError:
        return False
    return any(part.dim() == 4 for part in parts_of(inputs))
