"""ResNet-8 for 28x28 images in one channel, such as those of Fashion-MNIST: 77,072 weights, 9.35 million MAC.

One residual block for each of three widths, as in MLPerf Tiny's image classification (Banbury et al., NeurIPS 2021
Datasets and Benchmarks, arXiv 2106.07597), with batch normalization.

    filterfront train --network examples/resnet8.py:build --data fashion-mnist --epochs 24 --out runs/resnet8

That command wrote resnet8-fashion-mnist.safetensors, next to this file: 93.25% of the 10,000 test images and 93.60% of
the 6,000 of the validation part after 24 epochs on the 54,000 others, 72 minutes of one thread on a busy machine. With
it nothing has to be trained:

    filterfront search --network examples/resnet8.py:build --weights examples/resnet8-fashion-mnist.safetensors \
      --data fashion-mnist --device stm32l432 --validation-images 2000 --sequential --trials 150 --out runs/fashion
"""

import torch
from torch import Tensor, nn


def normalized(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution and its batch normalization."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut, a 1x1 convolution where the width changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = normalized(inputs, outputs, 3, stride)
        self.second = normalized(outputs, outputs, 3)
        self.shortcut = nn.Identity() if inputs == outputs else normalized(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H/stride, W/stride)."""
        return torch.relu(self.shortcut(x) + self.second(torch.relu(self.first(x))))


def build() -> tuple[nn.Module, Tensor]:
    """The network with random weights, and an image."""
    torch.manual_seed(0)
    layers = [normalized(1, 16, 3), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2)]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    return network.eval(), torch.zeros(1, 1, 28, 28)
