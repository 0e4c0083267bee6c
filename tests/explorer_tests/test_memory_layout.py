"""The layout of images in memory: chosen where the network takes it, and nothing but rounding depends on it."""

import pytest
import torch
from torch import nn

from explorer.data import Dataset, Split
from explorer.measurement.quality_meter import QualityMeter
from explorer.networks.trace import trace
from explorer.system.memory_layout import channels_last, takes_channels_last


class Joins(nn.Module):
    """A convolution whose map is joined into a row."""

    def __init__(self, joined: str) -> None:
        super().__init__()
        self.joined = joined
        self.convolution = nn.Conv2d(3, 8, 3, padding=1)
        self.classifier = nn.Linear(8 * 6 * 6, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.convolution(images).relu()
        rows = maps.view(maps.shape[0], -1) if self.joined == "view" else maps.flatten(1)
        return self.classifier(rows)


def network(joined: str) -> nn.Module:
    torch.manual_seed(0)
    return Joins(joined).eval()


def data() -> Dataset:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(120, 3, 6, 6, generator=generator)
    labels = torch.randint(4, (120,), generator=generator)
    return Dataset("random", "drawn in a test (synthetic)", 4, Split(images, labels), Split(images, labels))


def test_only_the_order_in_memory_changes():
    images = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    turned = channels_last(images)
    assert torch.equal(turned, images)
    assert turned.stride() == (60, 1, 15, 3)
    assert channels_last(images[0]).stride() == (20, 5, 1)


def test_a_view_across_channels_and_places_refuses_the_layout():
    images = data().train.inputs[:1]
    assert takes_channels_last(network("flatten"), images)
    assert not takes_channels_last(network("view"), images)
    assert not takes_channels_last(nn.Linear(6, 4), images[0, 0])


@pytest.mark.parametrize("bits", [8, 32])
def test_both_networks_are_measured_alike(bits):
    found = []
    for joined in ("flatten", "view"):
        traced = trace(network(joined), data().train.inputs[:1], joined)
        meter = QualityMeter(traced, data(), bits)
        weights = {layer.name: 0.5 * traced.weights[layer.name] for layer in traced.spec.layers}
        found.append([meter.measure({}), meter.measure(weights)])
    for plain, turned in zip(*found, strict=True):
        assert turned.loss == pytest.approx(plain.loss, rel=1e-3)
        assert abs(turned.accuracy - plain.accuracy) <= 1 / 120
