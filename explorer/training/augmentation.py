"""Random changes of training images that leave their labels true.

Legend: N images of a batch, C channels, H x W pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["shifted"]


def shifted(images: Tensor, pixels: int) -> Tensor:
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
