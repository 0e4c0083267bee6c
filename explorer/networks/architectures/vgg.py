"""VGG-16 (Simonyan & Zisserman, ICLR 2015, arXiv 1409.1556, configuration D).

The ImageNet form names its parameters as torchvision does, so that those published weights load.
"""

import torch
from torch import nn

__all__ = ["Vgg", "vgg16", "vgg16_cifar"]

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class Vgg(nn.Module):
    """Stages of 3x3 convolutions, each ended by a 2x2 max pooling, then the classifier on the flat features."""

    def __init__(self, classifier: nn.Module, normalize: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for stage in _STAGES:
            for outputs in stage:
                layers.append(nn.Conv2d(inputs, outputs, 3, padding=1, bias=not normalize))
                layers += [nn.BatchNorm2d(outputs)] if normalize else []
                layers.append(nn.ReLU(inplace=True))
                inputs = outputs
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = classifier

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) -> (N, classes)."""
        logits: torch.Tensor = self.classifier(self.features(x).flatten(1))
        return logits


def vgg16_cifar(classes: int = 10) -> nn.Module:
    """The CIFAR form with batch normalization: (N, 3, 32, 32) -> (N, classes); 14,710,464 conv weights."""
    return Vgg(nn.Linear(512, classes), normalize=True)


def vgg16(classes: int = 1000) -> nn.Module:
    """The ImageNet form: (N, 3, 224, 224) -> (N, classes); no batch normalization; 138,357,544 parameters."""
    hidden = [nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout()]
    hidden += [nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout()]
    return Vgg(nn.Sequential(*hidden, nn.Linear(4096, classes)), normalize=False)
