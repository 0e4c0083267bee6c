"""Residual networks (He, Zhang, Ren & Sun, CVPR 2016, arXiv 1512.03385): the ImageNet and the CIFAR family.

The ImageNet forms name their parameters as torchvision does, so that those published weights load.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "ResNet",
    "ZeroPadShortcut",
    "resnet18",
    "resnet20_cifar",
    "resnet50",
    "resnet56_cifar",
]

Shortcut = Callable[[int, int, int], nn.Module]
"""(input channels, output channels, stride) -> the module in parallel to a block that changes its shape."""


class ZeroPadShortcut(nn.Module):
    """Option A of the paper: every stride-th pixel, and zeros for the new channels; no parameters."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.new_channels, self.stride = outputs - inputs, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, c, H, W) -> (N, n, H', W')."""
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new_channels))


def projection(inputs: int, outputs: int, stride: int) -> nn.Module:
    """Option B of the paper: a 1x1 convolution with batch normalization."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, c, H, W) -> (N, n, H', W')."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        out: torch.Tensor = self.relu(self.bn2(self.conv2(x)) + shortcut)
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and the shortcut; the stride is in the 3x3 (the "v1.5" form)."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, c, H, W) -> (N, n, H', W')."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        out: torch.Tensor = self.relu(self.bn3(self.conv3(x)) + shortcut)
        return out


class ResNet(nn.Module):
    """A stem, stages of blocks that double the width and (from the second on) halve the map, and the classifier.

    Args:
        block: the block's class.
        repeats: blocks in each stage.
        width: channels of the first stage.
        stem_kernel: 3, or 7 with stride 2 and a max pooling behind it.
        shortcut: used where a block changes the shape.
        classes: outputs of the classifier.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        repeats: Sequence[int],
        width: int,
        stem_kernel: int,
        shortcut: Shortcut,
        classes: int,
    ) -> None:
        super().__init__()
        large = stem_kernel == 7
        self.conv1 = nn.Conv2d(3, width, stem_kernel, 2 if large else 1, padding=stem_kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1) if large else nn.Identity()
        self.stages = [f"layer{stage + 1}" for stage in range(len(repeats))]
        inputs = width
        for stage, (name, blocks) in enumerate(zip(self.stages, repeats, strict=True)):
            outputs = width * 2**stage * block.expansion
            layer = nn.Sequential()
            for index in range(blocks):
                stride = 2 if stage and not index else 1
                change = shortcut(inputs, outputs, stride) if stride > 1 or inputs != outputs else None
                layer.append(block(inputs, width * 2**stage, stride, change))
                inputs = outputs
            self.add_module(name, layer)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) -> (N, classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        logits: torch.Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


def resnet20_cifar(classes: int = 10) -> nn.Module:
    """ResNet-20, option A: (N, 3, 32, 32) -> (N, classes); 267,696 conv weights."""
    return ResNet(BasicBlock, (3, 3, 3), 16, stem_kernel=3, shortcut=ZeroPadShortcut, classes=classes)


def resnet56_cifar(classes: int = 10) -> nn.Module:
    """ResNet-56, option A: (N, 3, 32, 32) -> (N, classes); 848,304 conv weights."""
    return ResNet(BasicBlock, (9, 9, 9), 16, stem_kernel=3, shortcut=ZeroPadShortcut, classes=classes)


def resnet18(classes: int = 1000) -> nn.Module:
    """ResNet-18, option B: (N, 3, 224, 224) -> (N, classes); 11,166,912 conv weights."""
    return ResNet(BasicBlock, (2, 2, 2, 2), 64, stem_kernel=7, shortcut=projection, classes=classes)


def resnet50(classes: int = 1000) -> nn.Module:
    """ResNet-50, option B: (N, 3, 224, 224) -> (N, classes); 23,454,912 conv weights."""
    return ResNet(Bottleneck, (3, 4, 6, 3), 64, stem_kernel=7, shortcut=projection, classes=classes)
