"""The demo's network for 8x8 grey images."""

from collections import OrderedDict

from torch import nn

__all__ = ["digits_cnn"]


def digits_cnn(classes: int = 10) -> nn.Module:
    """Four 3x3 convolutions and a classifier for scikit-learn's digits: (N, 1, 8, 8) -> (N, classes)."""
    layers: dict[str, nn.Module] = {}
    for index, (inputs, outputs) in enumerate(((1, 32), (32, 64), (64, 96), (96, 96)), start=1):
        layers[f"conv{index}"] = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        layers[f"bn{index}"] = nn.BatchNorm2d(outputs)
        layers[f"relu{index}"] = nn.ReLU(inplace=True)
        if index == 2:
            layers["maxpool"] = nn.MaxPool2d(2)
    layers |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(96, classes)}
    return nn.Sequential(OrderedDict(layers))
