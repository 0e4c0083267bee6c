"""Re-estimated batch statistics, against visible arithmetic and torch's own running averages."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from explorer.data import Split, make_dataset
from explorer.measurement.batch_statistics import put_statistics, reestimated_statistics, with_statistics
from explorer.measurement.quality_meter import QualityMeter
from explorer.networks.trace import trace
from explorer.system.errors import NetworkError


class Scaled(nn.Module):
    """A 1x1 convolution of one channel, without a bias, and a normalization."""

    def __init__(self, times=1):
        super().__init__()
        self.conv, self.norm, self.times = nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1), times

    def forward(self, images):
        for _ in range(self.times):
            images = self.norm(self.conv(images))
        return images.flatten(1)


@pytest.fixture(scope="module")
def few():
    """Synthetic data of 4 classes: 70, 8 and 8 images of 1x2x2."""
    rng = np.random.default_rng(0)
    parts = {
        part: (rng.random((n, 1, 2, 2), np.float32), np.arange(n) % 4)
        for part, n in {"train": 70, "validation": 8, "test": 8}.items()
    }
    return make_dataset(parts, "few", "synthetic")


def coarse(traced):
    return {name: np.sign(array) * np.abs(array).mean() for name, array in traced.weights.items()}


def test_means_and_variances_are_averages_over_the_batches():
    traced = trace(Scaled().eval(), torch.zeros(1, 1, 1, 1), "scaled")
    weights = {"conv.weight": torch.full((1, 1, 1, 1), 2.0)}
    batches = (torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1), torch.tensor([0.0, 10.0]).reshape(2, 1, 1, 1))
    found = reestimated_statistics(traced.graph, weights, batches)
    # twice the inputs: 2 6 and 0 20, of means 4 and 10; unbiased variances (2^2 + 2^2)/1 = 8 and (10^2 + 10^2)/1 = 200
    assert {name: tensor.item() for name, tensor in found.items()} == {
        "norm.running_mean": (4 + 10) / 2,
        "norm.running_var": (8 + 200) / 2,
    }


def test_a_normalization_that_runs_twice_is_averaged_over_both():
    traced = trace(Scaled(times=2).eval(), torch.zeros(1, 1, 1, 1), "twice")
    batch = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)
    found = reestimated_statistics(traced.graph, {"conv.weight": torch.full((1, 1, 1, 1), 2.0)}, (batch,))
    # first 2 and 6: mean 4, variance 8; by the batch -1 and 1; then -2 and 2: mean 0, variance 8
    assert found["norm.running_mean"].item() == pytest.approx((4 + 0) / 2)
    assert found["norm.running_var"].item() == pytest.approx((8 + 8) / 2, rel=1e-4)


def test_statistics_are_those_that_torch_averages_in_training_mode(trained_digits, traced_digits, digits):
    meter = QualityMeter(traced_digits, digits, activation_bits=32, statistics_images=256)
    weights = coarse(traced_digits)
    found = meter.statistics(weights)
    module = with_weights(trained_digits[0], weights)
    chosen = digits.train.inputs[torch.linspace(0, len(digits.train) - 1, 256, dtype=torch.float64).long()]
    update_bn(chosen.split(128), module)
    expected = {name: tensor for name, tensor in module.named_buffers() if "running" in name}
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5)


def with_weights(module, weights):
    import copy

    result = copy.deepcopy(module)
    with torch.no_grad():
        for name, array in weights.items():
            own = result.get_submodule(name).weight
            own.copy_(torch.as_tensor(array).reshape(own.shape))
    return result.eval()


def test_what_is_measured_is_the_network_that_a_user_gets(trained_digits, traced_digits, digits):
    """Its state dict; its traced graph; the trained network itself is left as it was."""
    weights = coarse(traced_digits)
    before = {name: tensor.clone() for name, tensor in trained_digits[0].state_dict().items()}
    meter = QualityMeter(traced_digits, digits, activation_bits=32)
    quality, own = (
        meter.measure(weights),
        QualityMeter(traced_digits, digits, 32, statistics_images=0).measure(weights),
    )
    assert quality.accuracy > own.accuracy + 0.2
    assert meter.measure(weights, own_statistics=True) == own
    statistics = meter.statistics(weights)
    module = with_weights(trained_digits[0], weights)
    put_statistics(module, statistics)
    with torch.no_grad():
        right = (module(digits.validation.inputs).argmax(1) == digits.validation.labels).sum().item()
    assert abs(right - 300 * quality.accuracy) <= 1  # sums in batches of another size
    traced = with_statistics(traced_digits, statistics)
    assert [node.name for node in traced.graph.graph.nodes] == [node.name for node in traced_digits.graph.graph.nodes]
    again = QualityMeter(traced, digits, 32, statistics_images=0).measure(weights)
    beside = {"divergence": again.divergence, "agreement": again.agreement}  # of the answers of another float network
    assert again == replace(quality, **beside)
    assert all(torch.equal(before[name], tensor) for name, tensor in trained_digits[0].state_dict().items())


def test_statistics_come_from_training_images_alone_and_repeat(traced_digits, digits):
    weights = coarse(traced_digits)
    found = QualityMeter(traced_digits, digits).statistics(weights)
    other = Split(digits.validation.inputs.flip(0) * 3, digits.validation.labels)
    unlike = replace(
        digits, validation=other, test=other, train=replace(digits.train, labels=digits.train.labels.flip(0))
    )
    again = QualityMeter(traced_digits, unlike).statistics(weights)
    assert all(torch.equal(tensor, again[name]) for name, tensor in found.items())
    assert QualityMeter(traced_digits, digits).statistics({}) == {}


def test_a_network_without_normalization_is_measured_as_it_was(few):
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, images):
            return self.layer(images.flatten(1))

    traced = trace(Plain(), torch.zeros(1, 1, 2, 2), "plain")
    meter = QualityMeter(traced, few)
    assert meter.statistics_images == 0
    assert meter.statistics(coarse(traced)) == {}
    assert meter.measure(coarse(traced)) == QualityMeter(traced, few, statistics_images=0).measure(coarse(traced))


class FixedBatch(Scaled):
    """Cannot be exported with a free batch size."""

    def forward(self, images):
        return self.norm(self.conv(images.reshape(self.size, 1, 2, 2))).flatten(1)


@pytest.mark.parametrize(("size", "images"), [(4, 0), (32, 64)])
def test_batches_of_a_fixed_size_are_taken_where_they_have_statistics(few, size, images):
    """70 images hold two batches of 32; four images say little of a channel's deviation."""
    module = FixedBatch().eval()
    module.size = size
    traced = trace(module, torch.zeros(size, 1, 2, 2), "fixed")
    meter = QualityMeter(traced, few, 32)
    assert (traced.fixed_batch, meter.statistics_images) == (size, images)
    assert len(meter.statistics({"conv": np.full((1, 1, 1, 1), 3.0)})) == (2 if images else 0)


def test_statistics_that_are_not_finite_are_not_taken(few):
    traced = trace(Scaled().eval(), torch.zeros(1, 1, 2, 2), "scaled")
    assert QualityMeter(traced, few, 32).statistics({"conv": np.full((1, 1, 1, 1), 3e38)}) == {}


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [("norm.no_mean", (1,), "no such buffer"), ("norm.running_mean", (2,), r"expected \(1,\)")],
)
def test_statistics_of_another_network_are_refused(name, shape, expected):
    module = Scaled()
    with pytest.raises(NetworkError, match=f"{name} .*; batch statistics have .* name and shape; .*{expected}"):
        put_statistics(module, {"norm.running_var": torch.full((1,), 5.0), name: torch.zeros(shape)})
    assert module.norm.running_var.item() == 1
