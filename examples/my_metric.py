"""A segmenter with a metric of its own: ``filterfront search --metric examples/my_metric.py:overlap ...``."""

import numpy as np
import torch
from torch import nn


def build() -> tuple[nn.Module, torch.Tensor]:
    """A network that marks the bright places of 16x16 images, its weights made by hand, and an example of its input."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)).eval()
    with torch.no_grad():
        network[0].weight.copy_(torch.rand(8, 1, 3, 3) / 9)
        network[0].bias.fill_(-0.2)
        network[2].weight.copy_(torch.rand(8, 8, 3, 3)[:1])
        network[2].bias.fill_(-2.0)
    return network, torch.zeros(1, 1, 16, 16)


def parts() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Synthetic images, each with a bright square under noise, and the masks of the squares."""
    generator = np.random.default_rng(0)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        masks = np.zeros((count, 1, 16, 16), dtype=bool)
        for mask, (top, left, side) in zip(masks, generator.integers((0, 0, 5), (9, 9, 8), (count, 3)), strict=True):
            mask[0, top : top + side, left : left + side] = True
        images = masks + generator.normal(0, 0.3, masks.shape)
        return images.astype(np.float32), masks

    return {"train": part(60), "validation": part(40), "test": part(40)}


def overlap(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """The mean intersection over union of masks, (N, 1, 16, 16) each; more is better."""
    found = outputs > 0
    both, either = ((found & targets).sum((1, 2, 3)), (found | targets).sum((1, 2, 3)))
    return float((both / either).mean())
