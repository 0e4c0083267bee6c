import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from explorer.data import Split, make_dataset
from explorer.data.quality import Quality
from explorer.measurement import activation_ranges, measured_parts
from explorer.measurement.activation_ranges import measure_activation_ranges
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.quantized_graph import quantized_graph
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from explorer.system.errors import DataError, QualityError
from explorer.system.progress import Stage


@pytest.fixture(scope="module")
def few():
    """Synthetic data of 3 classes: 30, 7 and 5 images of 1x4x4."""
    rng = np.random.default_rng(0)
    sizes = {"train": 30, "validation": 7, "test": 5}
    parts = {part: (rng.random((n, 1, 4, 4), np.float32), np.arange(n) % 3) for part, n in sizes.items()}
    return make_dataset(parts, "few", "synthetic")


class Linear(nn.Module):
    def __init__(self, outputs=3):
        super().__init__()
        self.layer = nn.Linear(16, outputs)

    def forward(self, x):
        return self.layer(x.flatten(1))


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return trace(Linear(), torch.zeros(1, 1, 4, 4), "linear")


def test_the_network_itself_is_what_was_trained(traced_digits, trained_digits, digits):
    record = trained_digits[1]
    quality = QualityMeter(traced_digits, digits, activation_bits=32).measure({})
    assert quality.samples == 300
    assert quality.accuracy == record.validation_accuracy
    with torch.no_grad():
        logits = trained_digits[0](digits.validation.inputs)
        expected = nn.functional.cross_entropy(logits, digits.validation.labels).item()
    assert quality.loss == pytest.approx(expected, rel=1e-4)


def test_the_trained_network_is_right_on_the_untouched_test_part(traced_digits, trained_digits, digits):
    record = trained_digits[1]
    assert record.test_accuracy >= 0.975
    quality = QualityMeter(traced_digits, digits).measure({}, "test")
    assert quality.samples == 400
    assert quality.accuracy >= 0.975


def test_compressed_weights_and_rounded_activations_are_what_is_measured(traced_digits, digits):
    meter = QualityMeter(traced_digits, digits, activation_bits=4, statistics_images=0)
    signs = {name: np.sign(array) * np.abs(array).mean() for name, array in traced_digits.weights.items()}
    graph = quantized_graph(traced_digits, meter.ranges)
    names = {layer.name: layer.weight for layer in traced_digits.spec.layers}
    with torch.no_grad():
        for name, array in signs.items():
            parameter = graph.get_parameter(names[name])
            own = nn.Parameter(torch.from_numpy(array).float().reshape(parameter.shape))
            path, _, attribute = names[name].rpartition(".")
            setattr(graph.get_submodule(path), attribute, own)
        logits = graph(digits.validation.inputs)
    quality = meter.measure(signs)
    assert quality.accuracy == (logits.argmax(1) == digits.validation.labels).sum().item() / 300
    assert quality.loss == pytest.approx(nn.functional.cross_entropy(logits, digits.validation.labels).item(), rel=1e-3)
    assert quality.loss > meter.measure({}).loss


class Kept(Stage):
    made = ()

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        Kept.made += (self,)


def test_calibration_and_measurements_say_how_far_they_are(few, monkeypatch):
    """Of 30 training, 7 validation and 5 test images; statistics are re-estimated on the 30, once for both parts."""
    monkeypatch.setattr(Kept, "made", ())
    for module in (activation_ranges, measured_parts):
        monkeypatch.setattr(module, "Stage", Kept)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()).eval()
    traced = trace(module, torch.zeros(1, 1, 4, 4), "normed")
    meter = QualityMeter(traced, few)
    measured_parts.measured_parts(meter, {}, few, "floats")
    found = measured_parts.measured_parts(meter, traced.weights, few, "again")
    assert [(one.title, one.done, one.total) for one in Kept.made] == [
        ("calibrating activation ranges, in two passes", 2 * 30, 60),
        ("floats", 2 * (7 + 5), 24),  # rounded, and in floats, to compare with
        ("again", 30 + 7 + 5, 42),
    ]
    assert found == {part: meter.measure(traced.weights, part) for part in ("validation", "test")}


def test_loss_and_accuracy_by_hand(linear, few):
    # all logits 0: each class has probability 1/3, and the first class is chosen: labels 0 1 2 0 1 2 0
    meter = QualityMeter(linear, few, activation_bits=32)
    zeros = {"layer": np.zeros((3, 16, 1, 1))}
    with torch.no_grad():
        linear.graph.get_parameter("layer.bias").zero_()
    quality = meter.measure(zeros)
    assert quality.loss == pytest.approx(math.log(3))
    assert (quality.accuracy, quality.samples) == (3 / 7, 7)


def test_a_measurement_repeats_bit_for_bit_and_leaves_nothing_behind(traced_digits, trained_digits, digits):
    meter = QualityMeter(traced_digits, digits)
    before = {name: value.clone() for name, value in traced_digits.graph.state_dict().items()}
    own = meter.measure({})
    design = {name: np.round(array * 8) / 8 for name, array in traced_digits.weights.items()}
    first = meter.measure(design)
    assert meter.measure({}) == own
    assert QualityMeter(traced_digits, digits, statistics_images=0).measure(traced_digits.weights) == own
    assert meter.measure(design) == first == QualityMeter(traced_digits, digits).measure(design)
    assert first != own
    assert all(torch.equal(before[name], value) for name, value in traced_digits.graph.state_dict().items())
    assert not trained_digits[0].training


def test_an_interrupted_measurement_leaves_nothing_behind(linear, few, monkeypatch):
    meter = QualityMeter(linear, few)
    own = meter.measure({})
    parameter = meter._graph.get_parameter("layer.weight")

    def interrupt(*_):
        assert not torch.equal(meter._graph.layer.weight, parameter)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(meter._graph), "forward", interrupt)
        with pytest.raises(KeyboardInterrupt):
            meter.measure({"layer": np.ones((3, 16, 1, 1))})
    assert meter._graph.get_parameter("layer.weight") is parameter
    assert meter.measure({}) == own


def test_weights_that_are_not_finite_give_no_loss_and_nothing_right(linear, few):
    meter = QualityMeter(linear, few)
    for value in (np.nan, np.inf, 1e39):
        weights = np.ones((3, 16, 1, 1))
        weights[0, 0] = value
        quality = meter.measure({"layer": weights})
        assert math.isnan(quality.loss)
        assert (quality.accuracy, quality.samples) == (0.0, 7)


def test_logits_that_overflow_give_a_loss_that_is_not_finite(linear, few):
    quality = QualityMeter(linear, few).measure({"layer": np.full((3, 16, 1, 1), 3e38)})
    assert not math.isfinite(quality.loss)
    assert quality.accuracy == 0.0


def test_parts_are_measured_apart(linear, few):
    meter = QualityMeter(linear, few)
    assert [meter.measure({}, part).samples for part in ("train", "validation", "test")] == [30, 7, 5]
    with pytest.raises(DataError, match=r"got dev; .*a part of that name"):
        meter.measure({}, "dev")
    with pytest.raises(DataError, match=r"got test; .*; choose one of train, validation"):
        QualityMeter(linear, replace(few, test=None)).measure({}, "test")


def test_ranges_come_from_the_training_part_alone(linear, few):
    bright = Split(few.validation.inputs * 100, few.validation.labels)
    ranges = QualityMeter(linear, few).ranges
    assert QualityMeter(linear, replace(few, validation=bright, test=bright)).ranges == ranges
    assert ranges == measure_activation_ranges(linear, few.train.inputs, 8)
    assert QualityMeter(linear, few, calibration_images=2).ranges == measure_activation_ranges(
        linear, few.train.inputs[[0, 29]], 8
    )


class OneByOne(Linear):
    """Cannot be exported with a free batch size."""

    def forward(self, x):
        return torch.stack([super(OneByOne, self).forward(x[i : i + 1])[0] for i in range(x.shape[0])])


def test_a_network_of_a_fixed_batch_gives_the_same(few):
    torch.manual_seed(0)
    module = OneByOne()
    fixed, free = trace(module, torch.zeros(4, 1, 4, 4), "fixed"), trace_free(module)
    assert fixed.fixed_batch == 4
    assert free.fixed_batch is None
    # 30 = 7 * 4 + 2: the last two images fill no batch
    whole = measure_activation_ranges(free, few.train.inputs[:28], 8).by_tensor["x"]
    assert measure_activation_ranges(fixed, few.train.inputs, 8).by_tensor["x"] == whole
    by_four, by_many = (QualityMeter(traced, few, 32).measure({}) for traced in (fixed, free))
    assert by_four.loss == pytest.approx(by_many.loss, rel=1e-6)
    assert (by_four.accuracy, by_four.samples) == (by_many.accuracy, 7)


def trace_free(module):
    free = Linear()
    free.load_state_dict(module.state_dict())
    return trace(free, torch.zeros(1, 1, 4, 4), "free")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"no_layer": np.zeros(3)}, "got no_layer; weights are of a layer of the network; choose from layer"),
        ({"layer": np.zeros((3, 16))}, "(3, 16); the weights of layer have the shape (3, 16, 1, 1)"),
    ],
)
def test_weights_of_another_network_are_refused(linear, few, weights, message):
    with pytest.raises(QualityError) as caught:
        QualityMeter(linear, few).measure(weights)
    assert message in str(caught.value)


def test_a_network_that_does_not_fit_the_data_is_refused(few, digits):
    with pytest.raises(DataError, match=r"shape \(1, 1, 4, 4\): .*; the network takes the inputs of few") as caught:
        QualityMeter(trace(*build("resnet20-cifar"), "resnet20-cifar"), few)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="one logit for each of the 3 classes of few"):
        QualityMeter(trace(Linear(2), torch.zeros(1, 1, 4, 4), "two"), few)


def test_more_outputs_than_classes_are_taken(few):
    quality = QualityMeter(trace(Linear(5), torch.zeros(1, 1, 4, 4), "five"), few).measure({})
    assert isinstance(quality, Quality)
    assert quality.samples == 7


def test_answers_are_compared_with_others_image_by_image():
    """KL((1/2, 1/2) || (1/4, 3/4)) = 1/2 log(1/2 : 1/4) + 1/2 log(1/2 : 3/4), and 0 for the two that are alike."""
    images, labels = torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64)
    answers = torch.log(torch.tensor([[1.0, 3.0], [1.0, 3.0], [2.0, 2.0]]))
    others = torch.log(torch.tensor([[5.0, 5.0], [1.0, 3.0], [2.0, 2.0]]))
    rows = iter(answers)
    found = Quality.of(lambda batch: next(rows)[None], Split(images, labels), 1, others=others)
    assert found.divergence == pytest.approx((0.5 * np.log(2) + 0.5 * np.log(2 / 3)) / 3)
    rows = iter(answers)
    assert Quality.of(lambda batch: next(rows)[None], Split(images, labels), 1).divergence is None


def test_the_divergence_is_from_the_float_networks_answers(linear, few):
    assert QualityMeter(linear, few, activation_bits=32).measure({}).divergence == pytest.approx(0, abs=1e-12)
    meter = QualityMeter(linear, few, activation_bits=2)
    assert meter.measure({}).divergence > 0
    weights = {"layer": 0.5 * linear.weights["layer"]}
    with torch.no_grad():
        whole = linear.graph(few.validation.inputs).double()
        half = (linear.graph(few.validation.inputs) - linear.graph(torch.zeros(1, 1, 4, 4))) / 2
        half = (half + linear.graph(torch.zeros(1, 1, 4, 4))).double()
        exact = (whole.softmax(1) * (whole.log_softmax(1) - half.log_softmax(1))).sum(1).mean()
    measured = QualityMeter(linear, few, activation_bits=32).measure(weights).divergence
    assert measured == pytest.approx(float(exact), rel=1e-4)
    assert meter.measure(weights, "train").divergence is None
