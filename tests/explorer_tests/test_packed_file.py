"""Packed files: every byte accounted for, refused when anything is amiss, and running as torch does."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from costmodels import (
    ConvShape,
    Dense,
    LinearRepresentation,
    Pruned,
    SparseBasis,
    StackedBinary,
    layer_cost,
    network_cost,
)
from costmodels.kernels.packing import pack_layer, unpack_layer
from costmodels.kernels.samples import random_arrays, random_scheme, random_shape
from costmodels.schemes import SCHEMES, LegoNet
from explorer.deployment.packed import load, packed_content, read_packed
from explorer.deployment.packed.comparison import compare, torch_runner
from explorer.deployment.packed.folding import folded
from explorer.deployment.packed.graph_json import decode, encode
from explorer.deployment.packed.network import pack_network
from explorer.deployment.packed.size_breakdown import CHANNELS, CONSTANT, COUNTED, SHARED, UNCOUNTED, size_breakdown
from explorer.forms.fitting import fit, reconstruct
from explorer.forms.linear_representation.codebook import fit_network_codebook
from explorer.measurement.activation_ranges import ActivationRanges, fake_quantize, measure_activation_ranges
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from explorer.runs.design import with_weights
from explorer.system.errors import NetworkError, PackedFileError

FLOATS = ActivationRanges(32, {})
FORMS = {
    "dense-1": lambda shape: Dense(1),
    "dense-8-layer": lambda shape: Dense(8, "layer"),
    "dense-32": lambda shape: Dense(32),
    "pruned": lambda shape: Pruned(0.3, 8),
    "pruned-32": lambda shape: Pruned(0.3, 32, "index"),
    "stacked": lambda shape: StackedBinary(shape.group_inputs, 3, "segment"),
    "stacked-uncounted": lambda shape: StackedBinary(shape.group_inputs, 3, "none", "uncounted"),
    "lego": lambda shape: LegoNet(shape.group_inputs, 3, "filter"),
    "sparse-basis": lambda shape: SparseBasis(shape.group_inputs, 3, 1, 0.5, 8),
    "sparse-basis-32": lambda shape: SparseBasis(shape.group_inputs, 3, 4, 0.5, 32),
    "linear": lambda shape: LinearRepresentation(4) if shape.kernel_area > 1 else Dense(8),
    "linear-8": lambda shape: LinearRepresentation(4, 8, 8) if shape.kernel_area > 1 else Dense(4),
    "linear-uncounted": lambda shape: (
        LinearRepresentation(4, codebook="uncounted") if shape.kernel_area > 1 else Dense(4)
    ),
}


class Varied(nn.Module):
    """Groups, bias, foldable and other normalization, a layer called twice, slices, sizes in the graph, joined maps."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 6, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.grouped = nn.Conv2d(6, 6, 3, padding=1, groups=2)
        self.point = nn.Conv2d(6, 4, 1)
        self.loose = nn.BatchNorm2d(8)
        self.classify = nn.Linear(8, 5)

    def forward(self, x):
        x = functional.relu(self.norm(self.first(x)))
        x = functional.hardtanh(self.grouped(x), 0.0, math.inf)
        x = self.loose(torch.cat([self.point(x), self.point(torch.clamp(x, max=0.5))], 1))
        return self.classify(x[:, :, ::2].mean((2, 3)).reshape(x.shape[0], -1))


@pytest.fixture(scope="module")
def varied():
    """Traced, and eight images."""
    torch.manual_seed(0)
    module = Varied()
    for norm in (module.norm, module.loose):
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, -1.5, 1.5)
        nn.init.normal_(norm.bias)
    images = torch.randn(8, 2, 9, 9)
    return trace(module.eval(), images[:1], "varied"), images, module


def fitted(traced, form):
    return {
        layer.name: fit(traced.weights[layer.name], layer.shape, FORMS[form](layer.shape))
        for layer in traced.spec.layers
    }


def written(tmp_path, traced, layers, ranges=FLOATS):
    path = tmp_path / "net.safetensors"
    path.write_bytes(packed_content(pack_network(traced, layers, ranges), traced.spec, "abc"))
    return path


# The network that comes out


@pytest.mark.parametrize("form", FORMS)
def test_a_file_computes_what_torch_does_and_its_size_is_the_formula_and_the_header(form, varied, tmp_path):
    traced, images, module = varied
    layers = fitted(traced, form)
    path = written(tmp_path, traced, layers)
    reconstructed = trace(with_weights(module, traced, layers), images[:1], "varied")
    found = compare(load(path, traced.spec), torch_runner(reconstructed, FLOATS), images)
    assert found.equal
    assert found.deviation < 1e-5

    sizes, content = size_breakdown(read_packed(path)), path.read_bytes()
    usages = {name: layer.usage for name, layer in layers.items()}
    cost = network_cost(traced.spec, {name: layer.scheme for name, layer in layers.items()}, 8, usages)
    assert sizes.header_bytes == 8 + int.from_bytes(content[:8], "little")
    assert sizes.formula_bytes == cost.flash_bytes
    assert sum(row.bits for row in sizes.rows if row.kind in (COUNTED, SHARED)) == cost.storage_bits
    channel_bits = cost.extras["bias"] + cost.extras["normalization"]
    assert sum(row.bits for row in sizes.rows if row.kind == CHANNELS) == channel_bits
    # The loose normalization's scale and shift of 8 channels; beyond the formula, what a scheme was asked not to count.
    assert sizes.bytes_of(CONSTANT) == 2 * 8 * 4
    assert (sizes.bytes_of(UNCOUNTED) > 0) == ("uncounted" in form)
    assert sizes.formula_bytes + sizes.beyond_bytes + sizes.header_bytes == path.stat().st_size
    for row in sizes.rows:
        assert row.bytes == -(-row.bits // 8)
        assert row.padding_bits == 8 * row.bytes - row.bits < 8


def test_the_account_by_hand(tmp_path):
    """A 3x3 convolution 2 -> 3 in one bit with a scale a filter and a bias; 1x1 with 5 bits, one scale, no bias."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 5, 1, bias=False)).eval()
    traced = trace(module, torch.zeros(1, 2, 4, 4), "hand")
    schemes = {"0": Dense(1, "filter"), "2": Dense(5, "layer")}
    layers = {name: fit(traced.weights[name], traced.spec.layer(name).shape, one) for name, one in schemes.items()}
    path = written(tmp_path, traced, layers)
    sizes = size_breakdown(read_packed(path))
    rows = {(row.part, row.component): (row.bits, row.padding_bits, row.bytes) for row in sizes.rows}
    assert rows == {
        ("0", "weights"): (3 * 2 * 9, 2, 7),  # 54 bits in 7 bytes
        ("0", "scales"): (3 * 32, 0, 12),  # they take up the normalization's factor
        ("0", "shift"): (3 * 32, 0, 12),  # bias and normalization
        ("2", "weights"): (5 * 3 * 5, 5, 10),  # 75 bits in 10 bytes
        ("2", "scales"): (32, 0, 4),
    }
    assert sizes.formula_bytes == 7 + 12 + 12 + 10 + 4
    assert path.stat().st_size == 45 + sizes.header_bytes


def test_rounded_activations_are_those_of_torch_or_the_neighbouring_level(varied, tmp_path):
    """What is promised of integers: from the same rounded inputs, every rounded activation is at most one level off."""
    traced, images, module = varied
    layers, ranges = fitted(traced, "sparse-basis"), measure_activation_ranges(traced, images, 8)
    network = load(written(tmp_path, traced, layers, ranges))
    assert network.activation_bits == 8
    seen = {}
    for name, step in network.steps.items():
        step.register_forward_hook(
            lambda step, taken, out, name=name: seen.update({name: (step, taken[0], out.clone())})
        )
    network(images)
    assert len(seen) == 5  # four layers, one of them called twice
    reconstructed = with_weights(module, traced, layers)
    rounded = 0
    for name, (step, inputs, out) in seen.items():
        taken = inputs.clone()  # what ran in inference mode takes part in nothing else
        expected = reconstructed.get_submodule(step.name)(taken)
        expected = reconstructed.norm(expected) if step.name == "first" else expected
        (node,) = (node for node in network.nodes if node.target == name)
        reader = next(iter(node.users))
        reader = next(iter(reader.users)) if reader.target is not fake_quantize and reader.users else reader
        if reader.target is fake_quantize:
            scale, zero_point, bits = reader.args[1:]
            levels = [fake_quantize(values, scale, zero_point, bits) / scale for values in (out, expected)]
            assert (levels[0] - levels[1]).abs().max() <= 1.001
            rounded += 1
        assert (out - expected).abs().max() <= 1e-5
    assert rounded >= 2


def test_the_rounding_of_a_file_can_be_left_out(varied, tmp_path):
    traced, images, _ = varied
    layers = fitted(traced, "dense-8-layer")
    path = written(tmp_path, traced, layers, measure_activation_ranges(traced, images, 4))
    plain = load(written(tmp_path / "..", traced, layers), threads=2)
    unrounded = load(path, float_activations=True, threads=2)  # sums are rounded alike under one number of threads
    assert unrounded.activation_bits == plain.activation_bits == 32
    assert torch.equal(unrounded(images), plain(images))
    assert not torch.equal(load(path)(images), plain(images))


def test_the_same_network_gives_the_same_bytes(varied):
    traced, _, _ = varied
    contents = [packed_content(pack_network(traced, fitted(traced, "pruned")), traced.spec) for _ in range(3)]
    assert contents[0] == contents[1] == contents[2]


def test_a_codebook_of_the_network_is_stored_once(tmp_path):
    traced = trace(*build("digits-cnn"), "digits-cnn")
    alike = [layer for layer in traced.spec.layers if layer.shape.kernel_area > 1]
    templates = fit_network_codebook([traced.weights[layer.name] for layer in alike], 16, 32, 0)
    schemes = {layer.name: LinearRepresentation(16, 4, codebook="network") for layer in alike} | {"fc": Dense(8)}
    layers = {
        name: fit(traced.weights[name], traced.spec.layer(name).shape, one, 0, templates)
        for name, one in schemes.items()
    }
    path = written(tmp_path, traced, layers)
    sizes = size_breakdown(read_packed(path))
    (row,) = (row for row in sizes.rows if row.kind == SHARED)
    assert (row.part, row.bytes) == ("codebook 16 x 3x3 x 32 bits", 16 * 9 * 4)
    usages = {name: layer.usage for name, layer in layers.items()}
    assert sizes.formula_bytes == network_cost(traced.spec, schemes, 8, usages).flash_bytes
    shared = [layer.shared["codebook"] for layer in load(path).layers.values() if layer.shared]
    assert len(shared) == 4
    assert len(set(shared)) == 1

    other = fit(traced.weights["conv2"], traced.spec.layer("conv2").shape, schemes["conv2"], 0, -templates)
    with pytest.raises(PackedFileError, match=r"different ones; layers that share the codebook .* have the same"):
        written(tmp_path, traced, {**layers, "conv2": other})


# Factors that are folded


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_factor_that_is_taken_up_costs_no_bit(kind, seed):
    generator = np.random.default_rng(seed)
    shape = random_shape(kind, generator, channels=6)
    scheme = random_scheme(kind, shape, generator, filters=5)
    arrays = random_arrays(shape, scheme, generator)
    layer = pack_layer(shape, scheme, arrays)
    factors = generator.choice([-2.0, -0.5, 0.25, 3.0], shape.out_channels)
    taken = folded(layer, factors)
    assert (taken is not None) == scheme.takes_channel_scale
    if taken is not None:
        assert taken.storage == layer.storage
        found, before = reconstruct(shape, scheme, unpack_layer(taken)), reconstruct(shape, scheme, arrays)
        np.testing.assert_allclose(found, before * factors[:, None, None, None], rtol=1e-5, atol=1e-5)


def test_a_factor_that_has_no_place_stays_apart(varied, tmp_path):
    """A gain of 0 would make stored weights 0, which a bitmap has no place for: the factor is stored, and counted."""
    _, images, module = varied
    gain = module.norm.weight.detach().clone()
    module.norm.weight.data[2] = 0
    traced = trace(module, images[:1], "varied")
    layers = fitted(traced, "pruned-32")
    path = written(tmp_path, traced, layers)
    usages = {name: layer.usage for name, layer in layers.items()}
    cost = network_cost(traced.spec, {name: layer.scheme for name, layer in layers.items()}, 8, usages)
    sizes = size_breakdown(read_packed(path))
    assert sizes.formula_bytes == cost.flash_bytes + 6 * 4
    reconstructed = trace(with_weights(module, traced, layers), images[:1], "varied")
    assert compare(load(path), torch_runner(reconstructed, FLOATS), images).equal
    module.norm.weight.data.copy_(gain)


class Twice(nn.Module):
    """One layer, once with a normalization behind it and once without."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2)

    def forward(self, x):
        return self.conv(functional.relu(self.norm(self.conv(x))))


def test_a_layer_with_several_factors_keeps_them_apart(tmp_path):
    torch.manual_seed(0)
    module = Twice().eval()
    nn.init.uniform_(module.norm.weight, 0.5, 2)
    module.norm.running_mean.normal_()
    images = torch.randn(3, 2, 5, 5)
    traced = trace(module, images[:1], "twice")
    layers = {"conv": fit(traced.weights["conv"], traced.spec.layer("conv").shape, Dense(4))}
    path = written(tmp_path, traced, layers)
    reconstructed = trace(with_weights(module, traced, layers), images[:1], "twice")
    assert compare(load(path), torch_runner(reconstructed, FLOATS), images).equal
    components = [row.component for row in size_breakdown(read_packed(path)).rows if row.kind == CHANNELS]
    assert components == ["shift", "factor", "shift 2"]


def test_a_network_of_one_batch_size_keeps_it(tmp_path):
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x):
            return self.conv(x).reshape(2, 8)

    torch.manual_seed(0)
    traced = trace(Fixed().eval(), torch.zeros(2, 1, 4, 4), "fixed")
    layers = {"conv": fit(traced.weights["conv"], traced.spec.layer("conv").shape, Dense(8))}
    network = load(written(tmp_path, traced, layers))
    assert network(torch.zeros(2, 1, 4, 4)).shape == (2, 8)
    with pytest.raises(NetworkError, match="got 3; fixed takes 2 images at once; give so many"):
        network(torch.zeros(3, 1, 4, 4))


# Networks that the format cannot hold


class Odd(nn.Module):
    """An operation that is in no table, or an output that is no tensor."""

    def __init__(self, number):
        super().__init__()
        self.conv, self.number = nn.Conv2d(1, 2, 3), number

    def forward(self, x):
        x = self.conv(x)
        return (x, 3) if self.number else torch.erfinv(x)


@pytest.mark.parametrize(
    ("number", "reason"),
    [(False, "erfinv at erfinv.*; .*operations that filterfront knows"), (True, "a tensor, 3; .*returns tensors; ")],
)
def test_what_the_format_cannot_hold_is_refused(number, reason, tmp_path):
    traced = trace(Odd(number).eval(), torch.zeros(1, 1, 4, 4), "odd")
    layers = {"conv": fit(traced.weights["conv"], traced.spec.layer("conv").shape, Dense(8))}
    with pytest.raises(PackedFileError, match=reason):
        written(tmp_path, traced, layers)


def test_arguments_come_back_as_they_were():
    graph = torch.fx.Graph()
    nodes = [graph.placeholder("x")]
    values = [
        None,
        True,
        3,
        0.1,
        -math.inf,
        "mean",
        torch.float32,
        torch.strided,
        torch.channels_last,
        nodes[0],
        [1, [2]],
    ]
    plain = json.loads(json.dumps(encode(values, {nodes[0]: 0})))
    assert decode(plain, nodes) == values
    for odd in (torch.complex64, object(), 1j):
        with pytest.raises(PackedFileError, match="plain arguments"):
            encode(odd, {})


def test_storage_of_a_layer_in_a_file_is_its_cost():
    """The streams are what `layer_cost` counts, for one layer of every form."""
    shape = ConvShape(8, 4, (3, 3), (6, 6), padding=(1, 1))
    generator = np.random.default_rng(0)
    for form in FORMS.values():
        layer = fit(generator.normal(size=shape.weight_shape), shape, form(shape))
        packed = pack_layer(shape, layer.scheme, layer.arrays)
        assert packed.storage_bits == layer_cost(shape, layer.scheme, 8, layer.usage).storage_bits
