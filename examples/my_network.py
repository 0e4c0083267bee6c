"""A network of one's own: ``filterfront search --network examples/my_network.py:build ...``."""

import torch
from torch import nn


def build() -> tuple[nn.Module, torch.Tensor]:
    """A small residual network for 8x8 images, and an example of its input."""
    torch.manual_seed(0)
    return Small().eval(), torch.zeros(1, 1, 8, 8)


class Small(nn.Module):
    """A stem, a residual block with a grouped convolution, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding="same")
        self.block = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.head = nn.Linear(16, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, 8, 8) -> (N, 10)."""
        features = torch.relu(self.stem(images))
        features = features + self.block(features)
        return self.head(features.mean((2, 3)))
