import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from costmodels import network_cost
from costmodels.kernels.packing import pack_layer, unpack_layer
from costmodels.schemes import Dense, LinearRepresentation, Pruned, SparseBasis, StackedBinary
from explorer.data import make_dataset
from explorer.finetuning.fine_tune import fine_tune
from explorer.finetuning.moving_average import MovingAverage
from explorer.finetuning.rounded_activations import RoundedActivations
from explorer.finetuning.tuner import Tuner
from explorer.forms.compress import compress, plain_network
from explorer.forms.fitting import fit, fitted_layer, reconstruct
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.quantized_graph import quantized_graph
from explorer.networks.trace import trace
from explorer.system.errors import LayerError, TrainingError
from explorer.training.augmentation import mixed, shifted
from explorer.training.checkpoint import Checkpoint
from explorer.training.epoch_loop import EpochLoop
from explorer.training.tuning_recipe import TuningRecipe

DESIGN = {
    "conv1": Dense(4, zero_bits=4),
    "conv2": StackedBinary(8, 8, "segment"),
    "conv3": SparseBasis(64, 24, 4, 0.5, 4),
    "conv4": LinearRepresentation(8, 4, 8),
    "fc": Pruned(0.5, 8),
}
SHORT = TuningRecipe(epochs=3, mixing=0.25, averaging=0.9, freeze_below=0.1)
EXAMPLE = torch.zeros(1, 1, 8, 8)


@pytest.fixture(scope="module")
def few_digits(digits):
    """A quarter of the digits."""
    parts = {part: (digits.part(part).inputs[::4], digits.part(part).labels[::4]) for part in ("train", "validation")}
    return make_dataset(parts | {"test": (digits.test.inputs, digits.test.labels)}, "few digits", "real, a quarter")


@pytest.fixture(scope="module")
def workload(trained_digits):
    module = trained_digits[0]
    traced = trace(module, EXAMPLE, "digits-cnn")
    fits = {name: fit(traced.weights[name], traced.spec.layer(name).shape, one) for name, one in DESIGN.items()}
    return module, traced, fits


def states_equal(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().items(), second.state_dict().items(), strict=True)
    return all(name == other and torch.equal(value, twin) for (name, value), (other, twin) in pairs)


@pytest.fixture(scope="module")
def tuned(workload, few_digits):
    before = copy.deepcopy(workload[0])
    random = torch.get_rng_state()
    found = fine_tune(workload[0], EXAMPLE, workload[2], few_digits, recipe=SHORT, progress=False)
    assert torch.equal(torch.get_rng_state(), random)
    assert states_equal(workload[0], before)
    return found


def test_fine_tuning_wins_back_accuracy_at_no_more_cost(tuned, workload) -> None:
    _, traced, fits = workload
    assert tuned.before["validation"].accuracy < 0.9
    assert tuned.reestimated["validation"].accuracy > tuned.before["validation"].accuracy
    for part in ("validation", "test"):
        assert tuned.after[part].accuracy > tuned.before[part].accuracy
        assert tuned.after[part].loss < tuned.before[part].loss
    costs = [
        network_cost(traced.spec, DESIGN, 8, {name: layer.usage for name, layer in layers.items()})
        for layers in (fits, tuned.layers)
    ]
    assert costs[1].flash_bytes <= costs[0].flash_bytes
    assert costs[1].bit_ops <= costs[0].bit_ops
    assert costs[1].sram_bytes <= costs[0].sram_bytes


def test_what_is_measured_is_what_would_be_stored(tuned, workload, few_digits) -> None:
    packed = {name: pack_layer(layer.shape, layer.scheme, layer.arrays) for name, layer in tuned.layers.items()}
    weights = {name: reconstruct(one.shape, one.scheme, unpack_layer(one)) for name, one in packed.items()}
    network, whole = (
        trace(one, EXAMPLE, "network") for one in (plain_network(tuned.network), workload[0])
    )  # answers are compared with those of the float network, not with those of the trained one
    meter = QualityMeter(network, few_digits, statistics_images=0, compared_with=whole)
    assert meter.measure(weights, "test") == tuned.after["test"]


def test_an_interrupted_fine_tuning_goes_on_bit_for_bit(tuned, workload, few_digits, tmp_path, monkeypatch) -> None:
    module, _, fits = workload
    checkpoint = Checkpoint(tmp_path / "tuning.pt")
    save, saved = Checkpoint.save, []

    def save_and_stop(self, state):
        save(self, state)
        saved.append(len(state["curve"]))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save", save_and_stop)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                fine_tune(module, EXAMPLE, fits, few_digits, recipe=SHORT, checkpoint=checkpoint, progress=False)
    assert saved == [1, 2]
    torch.manual_seed(99)
    found = fine_tune(module, EXAMPLE, fits, few_digits, recipe=SHORT, checkpoint=checkpoint, progress=False)
    assert found.curve == tuned.curve
    assert found.after == tuned.after
    assert states_equal(found.network, tuned.network)
    for name, layer in found.layers.items():
        for array, expected in zip(layer.arrays.values(), tuned.layers[name].arrays.values(), strict=True):
            assert np.array_equal(array, expected)
    with pytest.raises(TrainingError, match=r".*tuning.pt; the checkpoint belongs to this fine-tuning; name another"):
        fine_tune(module, EXAMPLE, fits, few_digits, recipe=SHORT, seed=1, checkpoint=checkpoint, progress=False)


def test_another_seed_gives_another_result(tuned, workload, few_digits) -> None:
    found = fine_tune(
        workload[0], EXAMPLE, workload[2], few_digits, recipe=TuningRecipe(epochs=1), seed=1, progress=False
    )
    assert found.curve[0] != tuned.curve[0]


def tuner_of(workload, dataset, **recipe):
    rounding = recipe.pop("rounding", None)
    return Tuner(compress(workload[0], workload[2]), workload[0], dataset, TuningRecipe(**recipe), rounding=rounding)


def test_training_ends_when_patience_does(workload, few_digits, monkeypatch) -> None:
    tuner = tuner_of(workload, few_digits, epochs=9, patience=2)
    start = tuner.start
    monkeypatch.setattr(EpochLoop, "learn", lambda loop, epoch, on_batch: 0.5)
    monkeypatch.setattr(tuner, "_measured", lambda loss: start)
    epochs = 0
    while not tuner.finished:
        tuner.learn_epoch()
        epochs += 1
    assert epochs == 2
    assert tuner.best == start
    pairs = zip(tuner.take_best().parameters(), compress(workload[0], workload[2]).parameters(), strict=True)
    assert all(torch.equal(value, expected) for value, expected in pairs)


def test_a_loss_that_is_not_finite_ends_it(workload, few_digits) -> None:
    tuner = tuner_of(workload, few_digits)
    with torch.no_grad():
        tuner.network.fc.bias.fill_(math.nan)
    with pytest.raises(TrainingError, match="got nan; the loss is finite in epoch 1; lower the peak learning rate"):
        tuner.learn_epoch()


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_loss_is_that_of_distillation(workload, few_digits, share) -> None:
    tuner = tuner_of(workload, few_digits, distillation=share, temperature=3.0)
    inputs, labels = few_digits.train.inputs[:8], few_digits.train.labels[:8]
    logits = torch.randn(8, 10)
    with torch.no_grad():
        teacher = (workload[0](inputs).double() / 3).softmax(1)
    student = (logits.double() / 3).softmax(1)
    distance = (teacher * (teacher.log() - student.log())).sum(1).mean()
    entropy = -logits.double().log_softmax(1)[torch.arange(8), labels].mean()
    expected = (1 - share) * entropy + share * 9 * distance
    assert tuner._loss(logits, inputs, labels).item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_mixed_image_is_learned_from_the_float_network_alone(workload, few_digits) -> None:
    """Of 4 images 2 are mixed: the cross-entropy of the other two counts as 2 of 4."""
    tuner = tuner_of(workload, few_digits, distillation=0.5)
    inputs, labels, logits = few_digits.train.inputs[:4], few_digits.train.labels[:4], torch.randn(4, 10)
    plain = tuner._loss(logits, inputs, labels).item()
    mixed_labels = torch.where(torch.tensor([True, False, True, False]), labels, -100)
    found = tuner._loss(logits, inputs, mixed_labels).item()
    entropies = -logits.log_softmax(1)[torch.arange(4), labels]
    assert found == pytest.approx(plain - 0.5 * (entropies[1] + entropies[3]).item() / 4, rel=1e-5)


def test_images_are_mixed_of_two() -> None:
    """The first image is 0, the second 1: a mix of them is one value between, the same in all pixels."""
    images = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)])
    assert mixed(images, 0.0)[0] is images
    torch.manual_seed(0)
    values = []
    for _ in range(30):
        found, is_pure = mixed(images, 0.5)
        assert torch.equal(found[is_pure], images[is_pure])
        assert (found == found[:, :, :1, :1]).all()
        values += found[~is_pure][:, 0, 0, 0].tolist()
    assert 20 < len(values) < 40
    assert all(0 <= value <= 1 for value in values)
    assert sum(0 < value < 1 for value in values) > 5


def test_layers_are_frozen_once_few_of_their_integers_change(workload, few_digits) -> None:
    tuner = tuner_of(workload, few_digits, epochs=3, freeze_below=0.1)
    layers = {name: tuner.network.get_submodule(name) for name in DESIGN}

    def integers():
        return {name: layer.integers().clone() for name, layer in layers.items()}

    tuner.learn_epoch()
    first = integers()
    assert not any(layer.is_frozen for layer in layers.values())  # there is nothing to compare with yet
    tuner.learn_epoch()
    second = integers()
    changed = {name: float((second[name] != first[name]).double().mean()) for name in DESIGN}
    assert min(changed.values()) <= 0.1 < max(changed.values())
    assert {name for name, layer in layers.items() if layer.is_frozen} == {
        name for name, share in changed.items() if share <= 0.1
    }
    steps = {name: layer.quantized.step.clone() for name, layer in layers.items() if hasattr(layer, "quantized")}
    frozen = [name for name, layer in layers.items() if layer.is_frozen]
    tuner.learn_epoch()
    third = integers()
    assert all(torch.equal(third[name], second[name]) for name in frozen)
    assert all(not torch.equal(layers[name].quantized.step, step) for name, step in steps.items())


def test_an_average_stores_no_more_than_the_fit(workload, few_digits) -> None:
    tuner = tuner_of(workload, few_digits, epochs=1, averaging=0.999, distillation=1.0, peak_learning_rate=0.1)
    tuner.learn_epoch()
    kept = tuner.take_best()
    assert tuner.best is tuner.curve[0]
    for name, fitted in workload[2].items():
        layer = kept.get_submodule(name)
        trained = fitted_layer(fitted.weights, layer.shape, layer.scheme, layer.arrays())
        bits = [sum(one.scheme.storage(one.shape, one.usage).values()) for one in (trained, fitted)]
        assert bits[0] <= bits[1]


def test_an_average_follows_the_parameters() -> None:
    """Its decay is at most 2 / 11 in the first step and 3 / 12 in the second: 0 + 9/11 * 11 = 9, 9 + 9/12 * (1 - 9)."""
    parameter = nn.Parameter(torch.zeros(1))
    average = MovingAverage([parameter], 0.9)
    for value, expected in ((11.0, 9.0), (1.0, 3.0)):
        with torch.no_grad():
            parameter.fill_(value)
        average.update()
        with average.in_place():
            assert parameter.item() == pytest.approx(expected)
        assert parameter.item() == value
    quick = MovingAverage([parameter], 0.0)
    quick.update()
    with quick.in_place():
        assert parameter.item() == 1.0


def test_rounded_activations_are_those_that_are_measured(workload, few_digits) -> None:
    module, traced, _ = workload
    ranges = QualityMeter(traced, few_digits, 3).ranges
    rounding = RoundedActivations(traced, module, few_digits.train.inputs[:4], ranges)
    images = few_digits.validation.inputs
    with torch.no_grad():
        expected = quantized_graph(traced, ranges)(images)
        plain = module(images)
        with rounding.attached(module):
            rounded = module(images)
        torch.testing.assert_close(rounded, expected, rtol=1e-5, atol=1e-5)
        assert (rounded - plain).abs().max() > 0.1
        assert torch.equal(module(images), plain)
    learned = RoundedActivations(traced, module, few_digits.train.inputs[:4], ranges, learned=True)
    tuner = tuner_of(workload, few_digits, rounding=learned)
    tuner.learn_epoch()
    assert math.isfinite(tuner.curve[0].validation_loss)
    assert all(quantizer.factor != 0 for quantizer in learned.quantizers)


class Functional(nn.Module):
    """Adds, activates and pools by functions and operators, in place and not; one activation at two places, and no
    normalization."""

    def __init__(self, strays: bool = False) -> None:
        super().__init__()
        self.first, self.second, self.third = (
            nn.Conv2d(1, 6, 3, padding=1),
            nn.Conv2d(6, 6, 3, padding=1),
            Doubled(6, 6, 1),
        )
        self.relu, self.fc, self.strays = nn.ReLU(inplace=True), nn.Linear(6, 10), strays

    def forward(self, images):
        x = self.relu(self.first(images))
        y = self.second(x)
        y += x
        y = self.relu(y)
        if self.strays and self.training:
            y = y * 1.0
        z = nn.functional.hardswish(self.third(y)) - 0.5 * y
        return self.fc(torch.cat([z, y], 2).mean((2, 3)))


class Doubled(nn.Conv2d):
    def forward(self, images):
        return 2 * super().forward(images)


def test_activations_by_function_are_rounded_in_training_as_they_are_measured(few_digits) -> None:
    torch.manual_seed(3)
    network = Functional().eval()
    traced = trace(network, EXAMPLE, "functional")
    meter = QualityMeter(traced, few_digits, 3)
    images = few_digits.validation.inputs
    rounding = RoundedActivations.of(meter, network, few_digits)
    assert len(rounding._calls) == len(meter.ranges.by_tensor) - 1  # and the input
    fits = {name: fit(traced.weights[name], traced.spec.layer(name).shape, Dense(8)) for name in ("second", "third")}
    compressed = compress(network, fits).eval()
    with torch.no_grad():
        expected = quantized_graph(traced, meter.ranges)(images)
        with rounding.attached(network):
            torch.testing.assert_close(network(images), expected, rtol=1e-5, atol=1e-5)
        plain = plain_network(compressed)
        with rounding.attached(compressed), rounding.attached(plain):
            torch.testing.assert_close(compressed(images), plain(images), rtol=1e-5, atol=1e-5)
        assert (network(images) - expected).abs().max() > 0.01
    recipe = TuningRecipe(epochs=1, round_activations=True)
    tuned = fine_tune(network, EXAMPLE, fits, few_digits, 3, recipe, progress=False)
    assert tuned.curve[0].loss > 0


def test_a_forward_pass_that_takes_other_steps_in_training_is_refused(few_digits) -> None:
    network = Functional(strays=True).eval()
    traced = trace(network, EXAMPLE, "strays")
    rounding = RoundedActivations.of(QualityMeter(traced, few_digits, 4), network, few_digits)
    with (
        pytest.raises(LayerError, match="let the forward pass take the same steps"),
        rounding.attached(network.train()),
    ):
        network(few_digits.train.inputs[:4])


def test_an_activation_that_no_call_returns_is_refused(few_digits) -> None:
    network, other = Functional().eval(), Functional().eval()
    traced = trace(network, EXAMPLE, "functional")
    meter = QualityMeter(traced, few_digits, 4)
    with pytest.raises(LayerError, match="got relu; what is rounded in training is what a call of torch returns"):
        RoundedActivations.of(meter, other, few_digits)


def test_images_are_shifted_by_whole_pixels() -> None:
    images = torch.arange(1.0, 33.0).reshape(2, 1, 4, 4)
    torch.manual_seed(0)
    seen = set()
    for _ in range(40):
        for image, moved in zip(images, shifted(images, 1), strict=True):
            padded = nn.functional.pad(image, (1, 1, 1, 1))
            places = [(y, x) for y in range(3) for x in range(3) if torch.equal(moved, padded[:, y : y + 4, x : x + 4])]
            assert len(places) == 1
            seen.update(places)
    assert len(seen) == 9
    assert shifted(images, 0) is images


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": -1}, "got -1; epochs is at least 0"),
        ({"batch_size": 1}, "got 1; batch_size is at least 2"),
        ({"distillation": 1.5}, "got 1.5; distillation is a share of 1"),
        ({"mixing": -0.5}, "got -0.5; mixing is a share of 1"),
        ({"mixing": 0.5, "distillation": 0}, "got 0; mixed images are learned by distillation"),
        ({"averaging": 1.0}, "got 1.0; averaging is at least 0 and below 1"),
        ({"freeze_below": 1.0}, "got 1.0; freeze_below is at least 0 and below 1"),
        ({"temperature": 0}, "got 0; temperature is above 0"),
        ({"peak_learning_rate": math.nan}, "got nan; peak_learning_rate is above 0"),
    ],
)
def test_recipes_out_of_range_are_refused(wrong, message) -> None:
    with pytest.raises(TrainingError, match=message):
        TuningRecipe(**wrong)
