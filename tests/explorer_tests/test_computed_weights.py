"""Weights that a module computes from its parameters are evaluated once, and are the layer's weights from then on."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from explorer.networks.load import LoadedNetwork, ready_network
from explorer.networks.trace import trace


class Standardized(nn.Conv2d):
    """Weight standardization."""

    def forward(self, x):
        mean, deviation = self.weight.mean((1, 2, 3), keepdim=True), self.weight.std((1, 2, 3), keepdim=True)
        weight = (self.weight - mean) / (deviation + 1e-5)
        return functional.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(4, 4, 3, 3))
        self.register_buffer("mask", (torch.rand(4, 4, 1, 1) > 0.5).float())

    def forward(self, x):
        return functional.conv2d(x, weight=self.kernel * self.mask, padding=1)


class Sliced(nn.Conv2d):
    def forward(self, x):
        return functional.conv2d(x, self.weight[:4, :4], self.bias[:4], padding="same")


class Binarized(nn.Linear):
    def forward(self, x):
        return functional.linear(x, self.weight.sign() * self.weight.abs().mean(), self.bias)


class Row(nn.Conv1d):
    def forward(self, x):
        return functional.conv1d(x, self.weight.tanh(), self.bias, 2)


class Filtered(nn.Conv2d):
    """Weights that follow the input."""

    def forward(self, x):
        return functional.conv2d(x, self.weight * x.mean(), self.bias, padding=1)


class Padded(nn.Conv2d):
    """Does more than to convolve."""

    def forward(self, x):
        return functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="reflect"), self.weight * 2, self.bias)


def ready(*parts, size=(4, 6, 6)):
    torch.manual_seed(0)
    module = nn.Sequential(*parts).eval()
    before = copy.deepcopy(module)
    loaded = ready_network(LoadedNetwork("net", module, torch.zeros(1, *size), "user", "weights"))
    images = torch.randn(3, *size)
    assert torch.allclose(loaded.module(images), before(images), atol=1e-5)
    return loaded, trace(loaded.module, loaded.example_input, "net").spec


@pytest.mark.parametrize(
    ("part", "size", "weights", "macs"),
    [
        (Standardized(4, 4, 3, groups=2), (4, 6, 6), 72, 72 * 16),
        (Masked(), (4, 6, 6), 144, 144 * 36),
        (Sliced(8, 6, 3), (4, 6, 6), 144, 144 * 36),
        (Binarized(6, 5), (4, 6), 30, 30 * 4),
        (Row(4, 4, 3), (4, 9), 48, 48 * 4),
    ],
)
def test_they_are_the_layers_weights(part, size, weights, macs):
    loaded, spec = ready(part, nn.ReLU(), size=size)
    assert [(layer.shape.weights, layer.dense_macs) for layer in spec.layers] == [(weights, macs)]
    assert (spec.fixed, spec.unknown, spec.constants) == ((), (), ())
    assert "weights evaluated once: 0" in loaded.weights_origin
    assert set(loaded.module.state_dict()) <= {"0.weight", "0.bias"}


@pytest.mark.parametrize("part", [Filtered(4, 4, 3), Padded(4, 4, 3)])
def test_others_stay_as_they_are_and_are_counted(part):
    loaded, spec = ready(nn.Conv2d(4, 4, 1), part)
    assert loaded.module[1] is part
    assert [step.macs for step in spec.fixed] == [144 * 36]
    assert loaded.weights_origin == "weights"


def test_a_module_at_two_places_stays_one():
    part = Standardized(4, 4, 3, padding=1)
    loaded, spec = ready(part, nn.ReLU(), part)
    assert loaded.module[0] is loaded.module[2]
    assert [layer.calls for layer in spec.layers] == [2]
