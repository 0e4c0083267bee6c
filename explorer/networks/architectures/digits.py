"""The demo's network for 8x8 grey images."""

from torch import nn

__all__ = ["digits_cnn"]


def digits_cnn() -> nn.Module:
    """Four 3x3 convolutions and a classifier for scikit-learn's digits: (N, 1, 8, 8) -> (N, 10), 241,184 weights."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 32), (32, 64), (64, 128), (128, 128)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    layers.insert(6, nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))
