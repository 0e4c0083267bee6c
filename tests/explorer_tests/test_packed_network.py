"""Networks run from packed layers give what torch gives with the weights that the layers stand for."""

from operator import attrgetter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from costmodels import Dense, LinearRepresentation, Pruned, SparseBasis, StackedBinary
from costmodels.errors import KernelError, SchemeError
from costmodels.kernels.packing import PackedLayer, pack_layer
from costmodels.kernels.samples import EXACT_WIDTHS, random_arrays, random_scheme, random_shape
from costmodels.layout.bitstream import BitStream
from costmodels.schemes import SCHEMES, LegoNet
from explorer.deployment.packed.levels import Levels, levels_of
from explorer.deployment.packed.network import pack_network
from explorer.deployment.packed.step import Affine, PackedStep
from explorer.forms.fit_cache import FitCache, fit_cached
from explorer.forms.fitting import reconstruct
from explorer.measurement.activation_ranges import ActivationRange, ActivationRanges, measure_activation_ranges
from explorer.measurement.batch_statistics import with_statistics
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.quantized_graph import quantized_graph
from explorer.networks.layer_nodes import operation_name, weight_of
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from explorer.system.errors import NetworkError
from searches.design import Design

FORMS = {
    "stacked-binary": lambda shape: StackedBinary(half(shape), max(1, shape.group_outputs // 4), "filter"),
    "linear-representation": lambda shape: LinearRepresentation(8),
    "sparse-basis": lambda shape: SparseBasis(half(shape), max(1, shape.group_outputs // 2), 4, 0.3, 8),
    "lego-net": lambda shape: LegoNet(half(shape), max(1, shape.group_outputs // 2), "segment"),
    "pruned": lambda shape: Pruned(0.3, 8),
    "dense-1": lambda shape: Dense(1),
    "dense-4": lambda shape: Dense(4),
    "dense-8": lambda shape: Dense(8, "layer"),
    "dense-32": lambda shape: Dense(32),
}


def half(shape):
    return shape.group_inputs // 2 if shape.group_inputs % 2 == 0 else shape.group_inputs


def fitted_design(traced, form):
    """Layer name -> fitted layer; ``mixed`` takes the forms in turn, and what a layer cannot take is dense."""
    fitted, forms = {}, [form] if form in FORMS else list(FORMS)
    for place, layer in enumerate(traced.spec.layers):
        scheme = FORMS[forms[place % len(forms)]](layer.shape)
        try:
            scheme.check(layer.shape)
        except SchemeError:
            scheme = Dense(32)
        fitted[layer.name] = fit_cached(traced.weights[layer.name], layer.shape, scheme)
    return fitted


def executions_of(fitted, wanted):
    """The execution of each layer that has it."""
    return {name: wanted for name, layer in fitted.items() if wanted in layer.scheme.method_names}


def torch_outputs(traced, ranges, fitted, inputs):
    """torch on the reconstructed weights, activations rounded as a measurement rounds them."""
    graph = quantized_graph(traced, ranges)
    parameters = {
        layer.weight: torch.tensor(fitted[layer.name].weights).reshape(graph.get_parameter(layer.weight).shape)
        for layer in traced.spec.layers
    }
    with torch.inference_mode():
        return functional_call(graph, parameters, (inputs,))


def check_layers(traced, ranges, fitted, network, inputs, tolerance=2e-6):
    """Every step on the input that it had: torch's layer in float64, with the normalization after it."""
    seen = {}
    for name, step in network.steps.items():
        step.register_forward_hook(lambda _, taken, found, name=name: seen.update({name: (taken[0], found.clone())}))
    network(inputs)
    graph = quantized_graph(traced, ranges)
    layers = {layer.weight: layer for layer in traced.spec.layers}
    calls = [
        node
        for node in graph.graph.nodes
        if node.op == "call_function" and (weight := weight_of(node)) is not None and weight.target in layers
    ]
    assert len(calls) == len(seen)
    for node, (taken, found) in zip(calls, seen.values(), strict=True):
        layer = layers[weight_of(node).target]
        weights = torch.from_numpy(fitted[layer.name].weights.astype(np.float64))

        def value(item, weights=weights, layer=layer):
            if not isinstance(item, torch.fx.Node):
                return item
            stored = attrgetter(item.target)(graph).double()
            return weights.reshape(stored.shape) if item.target == layer.weight else stored

        parameters = [*map(value, node.args[1:])]
        expected = node.target(taken.double(), *parameters)
        size = node.target(taken.double().abs(), weights.abs().reshape(parameters[0].shape), None, *parameters[2:])
        (reader, *_) = node.users
        if layer.normalization:
            expected, size, nothing = (
                reader.target(sums, *map(value, reader.args[1:])) for sums in (expected, size, 0 * size)
            )
            size = size - nothing
        assert found.shape == expected.shape
        assert found.dtype == torch.float32
        bound = tolerance * (size.abs().max() + expected.abs().max())
        assert (found - expected).abs().max() <= bound, layer.name


class Varied(nn.Module):
    """Bias, groups, depthwise, stride, dilation, an even kernel padded to the same size, normalization, pooling."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.grouped = nn.Conv2d(8, 12, (3, 2), padding=(2, 1), dilation=(2, 1), groups=2, bias=False)
        self.norm = nn.BatchNorm2d(12)
        self.depthwise = nn.Conv2d(12, 12, 3, padding="valid", groups=12)
        self.same = nn.Conv2d(12, 6, (4, 3), padding="same", padding_mode="zeros")
        self.point = nn.Conv2d(6, 8, 1)
        self.classify = nn.Linear(8, 5)

    def forward(self, x):
        x = functional.relu(self.norm(self.grouped(self.first(x))))
        x = functional.max_pool2d(self.depthwise(x), 2)
        x = functional.hardtanh(self.same(x))
        x = torch.cat([self.point(x), self.point(functional.relu(x))], 2)
        return self.classify(x.mean((2, 3)).flatten(1))


class Series(nn.Module):
    """Convolutions of one dimension, a linear layer at every place, and one normalization that it cannot fold."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(3, 8, 5, stride=2, padding=2)
        self.norm = nn.BatchNorm1d(8, affine=False)
        self.mix = nn.Linear(8, 6)
        self.second = nn.BatchNorm1d(7)
        self.classify = nn.Linear(42, 4, bias=False)

    def forward(self, x):
        x = self.norm(self.first(x)).transpose(1, 2)
        return self.classify(self.second(self.mix(x)).flatten(1))


def shaken(module):
    """The module with statistics and gains of normalization that are not those it starts with."""
    torch.manual_seed(1)
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 2)
            if part.affine:
                nn.init.uniform_(part.weight, -1.5, 1.5)
                nn.init.normal_(part.bias)
    return module.eval()


@pytest.fixture(scope="module")
def networks():
    """Traced networks of random weights, and inputs for each."""
    torch.manual_seed(0)
    made = {
        "varied": (Varied(), torch.randn(16, 4, 19, 18)),
        "series": (Series(), torch.randn(16, 3, 14)),
        "resnet20-cifar": (build("resnet20-cifar")[0], torch.randn(8, 3, 32, 32)),
        "digits-cnn": (build("digits-cnn")[0], torch.rand(16, 1, 8, 8)),
    }
    return {name: (trace(shaken(module), inputs[:1], name), inputs) for name, (module, inputs) in made.items()}


ALL_EXECUTIONS = sorted({name for kind in SCHEMES.values() for name in kind.method_names})


@pytest.mark.parametrize("form", [*FORMS, "mixed"])
@pytest.mark.parametrize("name", ["varied", "series", "resnet20-cifar", "digits-cnn"])
def test_a_whole_network_is_that_of_the_reconstructed_weights(networks, name, form):
    traced, inputs = networks[name]
    fitted = fitted_design(traced, form)
    floats = ActivationRanges(32, {})
    expected = torch_outputs(traced, floats, fitted, inputs[:3])
    for execution in ALL_EXECUTIONS:
        chosen = executions_of(fitted, execution)
        if chosen:
            network = pack_network(traced, fitted, floats, chosen)
            assert (network(inputs[:3]) - expected).abs().max() <= 1e-4 * expected.abs().max(), execution


CASES = [("varied", 2), ("varied", 8), ("varied", 11), ("series", 8), ("digits-cnn", 8)]


@pytest.mark.parametrize("form", [*FORMS, "mixed"])
@pytest.mark.parametrize(("name", "bits"), CASES)
def test_every_layer_of_rounded_activations_is_that_of_the_reconstructed_weights(networks, name, form, bits):
    traced, inputs = networks[name]
    fitted, ranges = fitted_design(traced, form), measure_activation_ranges(traced, inputs, bits)
    for execution in ALL_EXECUTIONS:
        chosen = executions_of(fitted, execution)
        if chosen:
            network = pack_network(traced, fitted, ranges, chosen)
            assert all(step.layer.activation_bits == bits for step in network.steps.values())
            check_layers(traced, ranges, fitted, network, inputs[:2])


@pytest.mark.parametrize("form", [*FORMS, "mixed"])
def test_resnet20_with_activations_of_8_bits(networks, form):
    traced, inputs = networks["resnet20-cifar"]
    fitted, ranges = fitted_design(traced, form), measure_activation_ranges(traced, inputs, 8)
    check_layers(traced, ranges, fitted, pack_network(traced, fitted, ranges), inputs[:2])


@pytest.mark.parametrize("form", [*FORMS, "mixed"])
def test_trained_digits_are_recognised_as_torch_does(traced_digits, digits, form):
    """Sums in another order can move an activation over the edge of its level, and with it an answer on the edge."""
    fitted, ranges = (
        fitted_design(traced_digits, form),
        measure_activation_ranges(traced_digits, digits.train.inputs, 8),
    )
    images = digits.validation.inputs
    expected, found = (
        torch_outputs(traced_digits, ranges, fitted, images),
        pack_network(traced_digits, fitted, ranges)(images),
    )
    errors = (found - expected).abs().amax(1) / expected.abs().max()
    apart = errors > 1e-4
    assert apart.float().mean() <= 0.05
    assert errors.max() <= 0.01  # an activation that moved by one level
    assert (found.argmax(1) != expected.argmax(1)).sum() <= apart.sum()


def test_a_design_that_was_measured_runs_packed(traced_digits, digits, tmp_path):
    """A codebook that layers share among its layers."""
    quality = QualityMeter(traced_digits, digits)
    evaluator = DesignEvaluator(traced_digits, 8, 0, FitCache(tmp_path), quality, workers=1)
    design = Design(
        {
            layer.name: LinearRepresentation(16, codebook="network") if layer.shape.kernel_area > 1 else Dense(8)
            for layer in traced_digits.spec.layers
        }
    )
    own = with_statistics(traced_digits, evaluator.statistics(design))
    network = pack_network(own, evaluator.fitted_layers(design), quality.ranges)
    logits = network(digits.validation.inputs)
    right = int((logits.argmax(1) == digits.validation.labels).sum())
    assert abs(right - 300 * evaluator.quality(design, "validation").accuracy) <= 1
    shared = [layer.shared["codebook"] for layer in network.layers.values() if layer.shared]
    assert len(shared) > 1
    assert len(set(shared)) == 1


def exact_step(kind, seed):
    """A step of numbers that float32 and float64 hold exactly, and what torch makes of them; floats are eighths."""
    generator = np.random.default_rng(seed)
    shape = random_shape(kind, generator, channels=6)
    scheme = random_scheme(kind, shape, generator, filters=5, widths=EXACT_WIDTHS)
    arrays = random_arrays(shape, scheme, generator)
    bits = int(generator.choice([2, 3, 8]))
    levels = Levels(float(generator.choice([0.25, 1.0, 2.0])), int(generator.integers(0, 1 << bits)), bits)
    follows = Affine(*(generator.integers(-16, 17, (2, shape.out_channels)) / 8.0))
    execution = str(generator.choice(list(kind.method_names)))
    steps = generator.integers(0, 1 << bits, (2, shape.in_channels, *shape.input_size)) - levels.zero_point
    inputs = torch.from_numpy((steps * levels.scale).astype(np.float32))
    (top, bottom), (left, right) = shape.pads
    sums = functional.conv2d(
        functional.pad(inputs.double(), (left, right, top, bottom)),
        torch.from_numpy(reconstruct(shape, scheme, arrays)).double(),
        None,
        shape.stride,
        0,
        shape.dilation,
        shape.groups,
    )
    factors, shifts = (torch.from_numpy(values)[:, None, None] for values in (follows.factors, follows.shifts))
    return PackedStep(pack_layer(shape, scheme, arrays), levels, follows, execution), inputs, sums * factors + shifts


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_scale_zero_point_bias_and_padding_are_exact(kind, seed):
    """To the bit, where the numbers are such that nothing rounds on the way; float32 at the end."""
    step, inputs, expected = exact_step(kind, seed)
    found = step(inputs)
    bound = expected.abs().max() * 2**-22 if kind in (LegoNet, LinearRepresentation) else 0
    assert (found.double() - expected.float().double()).abs().max() <= bound


def test_a_step_by_hand():
    """Levels 3 0 5 of scale 1/2 and zero point 1 are 1, -1/2, 2; padding is 0; weights 1 -1 1, twice that, plus 10."""
    shape = random_shape(Dense, np.random.default_rng(0), 1)
    shape = type(shape)(1, 1, (1, 3), (1, 3), padding=(0, 1))
    packed = pack_layer(shape, Dense(1, "none"), {"weights": np.array([1, -1, 1], np.int8).reshape(1, 1, 1, 3)})
    step = PackedStep(packed, Levels(0.5, 1, 3), Affine(np.array([2.0]), np.array([10.0])))
    found = step(torch.tensor([1.0, -0.5, 2.0]).reshape(1, 1, 1, 3)).flatten().tolist()
    # 0 - 1 + (-1/2) = -3/2;  1 + 1/2 + 2 = 7/2;  -1/2 - 2 + 0 = -5/2
    assert found == [10 - 3, 10 + 7, 10 - 5]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 3.3, -0.8])
def test_values_without_a_level_are_refused(value):
    of = Levels(0.5, 1, 3)
    assert levels_of(np.array([-0.5, 0, 3], np.float32), of).tolist() == [0, 1, 7]
    with pytest.raises(
        KernelError, match=r"got others; rounded activations are -0\.5 and the 7 levels above it; check"
    ):
        levels_of(np.array([0, value], np.float32), of)


def test_inputs_that_are_not_finite_are_refused(networks):
    traced, inputs = networks["digits-cnn"]
    fitted, damaged = fitted_design(traced, "dense-8"), inputs[:1].clone()
    damaged[0, 0, 0, 0] = torch.nan
    with pytest.raises(KernelError, match="the image is of finite numbers"):
        pack_network(traced, fitted)(damaged)
    with pytest.raises(KernelError, match="rounded activations are"):
        pack_network(traced, fitted, measure_activation_ranges(traced, inputs, 8))(damaged)


def test_threads_give_the_same(networks):
    traced, inputs = networks["varied"]
    fitted, ranges = fitted_design(traced, "mixed"), measure_activation_ranges(traced, inputs, 8)
    one, two = (pack_network(traced, fitted, ranges, threads=threads)(inputs) for threads in (1, 2))
    assert torch.allclose(one, two, rtol=1e-5, atol=1e-6)


def test_weights_are_in_the_packed_layers_alone(networks):
    """And the traced network is as it was."""
    traced, inputs = networks["resnet20-cifar"]
    before = {name: value.clone() for name, value in traced.graph.state_dict().items()}
    network = pack_network(traced, fitted_design(traced, "dense-1"), measure_activation_ranges(traced, inputs, 8))
    assert not [name for name in network.graph.state_dict() if name.endswith("weight")]
    assert all(torch.equal(before[name], value) for name, value in traced.graph.state_dict().items())
    assert [operation_name(node) for node in network.graph.graph.nodes].count("batch_norm") == 0
    assert len(network.steps) == len(network.layers) == 20


def test_the_input_of_a_layer_after_pooling_is_on_the_levels_of_what_is_pooled(networks):
    traced, inputs = networks["varied"]
    network = pack_network(traced, fitted_design(traced, "dense-8"), measure_activation_ranges(traced, inputs, 8))
    pooled = next(node for node in network.graph.graph.nodes if operation_name(node) == "max_pool2d")
    assert pooled.all_input_nodes[0].target.__name__ == "fake_quantize"
    (reader,) = pooled.users
    assert network.steps[reader.target].layer.activation_bits == 8


def test_a_network_with_unrounded_tensors_takes_floats(networks):
    traced, inputs = networks["digits-cnn"]
    fitted = fitted_design(traced, "dense-4")
    ranges = ActivationRanges(8, {traced.spec.inputs[0]: ActivationRange(0, 255 / 256)})
    network = pack_network(traced, fitted, ranges)
    assert [step.layer.activation_bits for step in network.steps.values()] == [8, 32, 32, 32, 32]
    check_layers(traced, ranges, fitted, network, inputs)


def test_layers_that_are_not_the_networks_are_refused(networks):
    traced, _ = networks["digits-cnn"]
    fitted = fitted_design(traced, "dense-8")
    first, second = list(fitted)[:2]
    with pytest.raises(NetworkError, match=f"got {first}; every layer of digits-cnn is packed; pack"):
        pack_network(traced, {name: layer for name, layer in fitted.items() if name != first})
    with pytest.raises(NetworkError, match="got other; packed layers are layers of digits-cnn"):
        pack_network(traced, {**fitted, "other": fitted[first]})
    with pytest.raises(NetworkError, match="got other; packed layers are layers of digits-cnn"):
        pack_network(traced, fitted, executions={"other": "direct"})
    with pytest.raises(NetworkError, match=f".*; {second} is .*; pack the layer again"):
        pack_network(traced, {**fitted, second: fitted[first]})
    with pytest.raises(KernelError, match="got shared-maps; dense runs as direct"):
        pack_network(traced, fitted, executions={first: "shared-maps"})


def test_damaged_layers_are_refused(networks):
    traced, _ = networks["digits-cnn"]
    fitted = fitted_design(traced, "dense-8")
    name, layer = next(iter(fitted.items()))
    packed = pack_layer(layer.shape, layer.scheme, layer.arrays)
    damaged = PackedLayer(packed.shape, packed.scheme, {**packed.streams, "scales": BitStream()}, {}, {})
    with pytest.raises(KernelError):
        pack_network(traced, {**fitted, name: damaged})
