"""Random changes of training images that leave their labels true.

Legend: N images of a batch, C channels, H x W pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional

from explorer.system.inputs import Batch, mapped

__all__ = ["mixed", "shifted"]


def shifted(batch: Batch, pixels: int, columns: int | None = None) -> Batch:
    """A batch whose images (N, C, H, W) are shifted, those of each input by draws of their own; what is no image stays.

    Args:
        batch: of images.
        pixels: see `_shifted`; 0 shifts nothing and draws nothing.
        columns: of columns alone; None for as many.
    """
    most = pixels, pixels if columns is None else columns
    return mapped(batch, lambda part: _shifted(part, *most) if part.dim() == 4 else part) if any(most) else batch


def _shifted(images: Tensor, rows: int, columns: int) -> Tensor:
    """Each image moved by an offset of its own, zeros filled in; drawn from torch's global random state.

    Args:
        images: (N, C, H, W).
        rows: at most so many each way.
        columns: the same.
    """
    count, _, height, width = images.shape
    padded = functional.pad(images, (columns, columns, rows, rows))
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    top, left = (torch.randint(2 * most + 1, (count,), device=images.device) for most in (rows, columns))
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
