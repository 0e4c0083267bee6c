"""Random changes of training images that leave their labels true.

Legend: N images of a batch, C channels, H x W pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional

from explorer.system.inputs import Batch, mapped

__all__ = ["mixed", "shifted"]


def shifted(batch: Batch, pixels: int) -> Batch:
    """A batch whose images (N, C, H, W) are shifted, those of each input by draws of their own; what is no image stays.

    Args:
        batch: of images.
        pixels: see `_shifted`; 0 shifts nothing and draws nothing.
    """
    return mapped(batch, lambda part: _shifted(part, pixels) if part.dim() == 4 else part) if pixels else batch


def _shifted(images: Tensor, pixels: int) -> Tensor:
    """Each image moved by an offset of its own of up to ``pixels`` each way, zeros filled in; drawn from torch's global
    random state.

    Args:
        images: (N, C, H, W).
        pixels: at least 0.
    """
    if pixels == 0:
        return images
    count, _, height, width = images.shape
    padded = functional.pad(images, (pixels,) * 4)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    top, left = torch.randint(2 * pixels + 1, (2, count), device=images.device)
    return windows[torch.arange(count, device=images.device), :, top, left]


def mixed(images: Batch, share: float) -> tuple[Batch, Tensor]:
    """A batch in which some images are a mix of two: w times the image and 1 - w times another of the batch, w uniform.

    Args:
        images: shape (N, ...).
        share: of the images that are mixed, each by a draw of its own; 0 draws nothing.

    Returns:
        The batch, and which images are as they were, booleans of shape (N,).
    """
    is_pure = torch.ones(len(images), dtype=torch.bool)
    if not share:
        return images, is_pure
    is_pure = torch.rand(len(images)) >= share
    weight = torch.where(is_pure, torch.ones(len(images)), torch.rand(len(images)))
    others = torch.randperm(len(images))

    def mix(part: Tensor) -> Tensor:
        own = weight.to(part.dtype).reshape(-1, *[1] * (part.dim() - 1))
        return own * part + (1 - own) * part[others]

    return mapped(images, mix), is_pure
