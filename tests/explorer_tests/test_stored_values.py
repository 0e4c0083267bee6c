"""Nothing that inference reads is outside flash: constants by hand, and cost's flash against the bytes of an export."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from costmodels import Dense, network_cost
from costmodels.operation import ConstantSpec
from costmodels.text import parse_scheme, resolve_all
from explorer.deployment.packed.network import pack_network
from explorer.deployment.packed.reading import read_packed
from explorer.deployment.packed.size_breakdown import size_breakdown
from explorer.deployment.packed.writing import packed_content
from explorer.forms.fitting import fit
from explorer.networks.trace import load_weights, trace


class Lambda(nn.Module):
    """A module from a function of (module, x), with the parts given."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, torch.Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def network_of(function, *shape, **parts):
    torch.manual_seed(0)
    module = Lambda(function, **parts).eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and part.affine:
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 3)
            part.weight.data.uniform_(0.5, 2)
    return trace(module, torch.zeros(1, *shape), "test")


def conv(**options):
    return nn.Conv2d(8, 8, 3, padding=1, **options)


TABLE = torch.randn(8, 1, 1, generator=torch.Generator().manual_seed(1))
MASK = torch.triu(torch.full((8, 8), float("-inf")), 1)


@pytest.mark.parametrize(
    ("function", "parts", "constants"),
    [
        (lambda m, x: m.act(m.conv(x)), {"act": nn.PReLU(8)}, {"act.weight": (8, 32)}),
        (lambda m, x: m.act(m.conv(m.act(x))), {"act": nn.PReLU()}, {"act.weight": (1, 32)}),
        (lambda m, x: m.conv(x) * m.gain, {"gain": nn.Parameter(TABLE)}, {"gain": (8, 32)}),
        (lambda m, x: m.conv(x) + m.table, {"table": TABLE.double()}, {"table": (8, 32)}),
        (lambda m, x: m.conv(x)[:, m.order], {"order": torch.arange(8).flip(0)}, {"order": (8, 64)}),
        (lambda m, x: torch.where(m.kept, m.conv(x), 0.0), {"kept": TABLE > 0}, {"kept": (8, 8)}),
        (
            lambda m, x: m.conv(x) * (m.a + m.b).exp(),
            {"a": TABLE, "b": nn.Parameter(TABLE)},
            {"a": (8, 32), "b": (8, 32)},
        ),
        (lambda m, x: m.conv(x + m.table), {"table": TABLE}, {"table": (8, 32)}),
        (
            lambda m, x: torch.softmax(m.conv(x).mean((2, 3))[:, None, :] + m.mask, -1),
            {"mask": MASK},
            {"mask": (64, 32)},
        ),
        (
            lambda m, x: m.norm(m.conv(x)),
            {"norm": nn.GroupNorm(2, 8)},
            {"norm.weight": (8, 32), "norm.bias": (8, 32)},
        ),
        (lambda m, x: m.conv(x) * torch.tensor([2.0]), {}, {"lifted_tensor_0": (1, 32)}),
        (lambda m, x: m.conv(x), {"unused": TABLE}, {}),
    ],
)
def test_what_other_operations_read_is_counted_once(function, parts, constants):
    spec = network_of(function, 8, 5, 5, conv=conv(), **parts).spec
    assert {one.name: (one.elements, one.bits) for one in spec.constants} == constants
    assert not any(one.is_weight for one in spec.constants)


def test_a_layer_on_stored_values_is_run_as_it_is_written():
    spec = network_of(
        lambda m, x: m.conv(x) + m.fc(m.places).sum(0)[:, None, None],
        8,
        5,
        5,
        conv=conv(),
        fc=nn.Linear(2, 8),
        places=torch.rand(6, 2),
    ).spec
    assert [layer.dense_macs for layer in spec.layers] == [8 * 8 * 9 * 25, 2 * 8 * 6]
    assert [(one.name, one.elements) for one in spec.constants] == [("places", 12)]


def test_a_weight_that_another_operation_reads_is_stored_there_too():
    spec = network_of(lambda m, x: m.conv(x) * m.conv.weight.abs().mean(), 8, 5, 5, conv=conv()).spec
    assert [(one.name, one.elements, one.is_weight) for one in spec.constants] == [("conv.weight", 576, False)]
    assert spec.weights == 576


def test_a_normalization_that_runs_twice_is_stored_once():
    spec = network_of(
        lambda m, x: m.conv(m.norm(torch.relu(m.norm(x)))), 8, 5, 5, conv=conv(), norm=nn.BatchNorm2d(8)
    ).spec
    assert spec.constants == (ConstantSpec("norm.scale", 8), ConstantSpec("norm.shift", 8))


def at_two_places(m, x):
    """A linear layer at eight places and at one."""
    return m.fc(m.conv(x).flatten(2)).sum((1, 2), keepdim=True) + m.fc(x.flatten(2).mean(1))


def with_another_bias(m, x):
    return functional.conv2d(torch.relu(m.conv(x)), m.conv.weight, m.bias, padding=1)


def with_computed_weights(m, x):
    return m.conv(functional.conv2d(x, m.w - m.w.mean((1, 2, 3), keepdim=True)))


def norm(**options):
    return nn.BatchNorm2d(8, **options)


EXPORTED = {
    "two biases of one weight": (with_another_bias, {"bias": nn.Parameter(TABLE.flatten())}),
    "a bias at one of two calls": (lambda m, x: functional.conv2d(torch.relu(m.conv(x)), m.conv.weight, padding=1), {}),
    "a normalization after one of two calls": (lambda m, x: m.conv(torch.relu(m.norm(m.conv(x)))), {"norm": norm()}),
    "a normalization after each of two calls": (
        lambda m, x: m.norm(m.conv(torch.relu(m.norm(m.conv(x))))),
        {"norm": norm()},
    ),
    "another normalization after each": (
        lambda m, x: m.other(m.conv(torch.relu(m.norm(m.conv(x))))),
        {"norm": norm(), "other": norm()},
    ),
    "normalizations that are alike": (
        lambda m, x: m.other(m.conv(torch.relu(m.norm(m.conv(x))))),
        {"norm": norm(affine=False), "other": norm(affine=False)},
    ),
    "a normalization before the layer": (lambda m, x: m.conv(torch.relu(m.norm(x))), {"norm": norm()}),
    "a normalization on its own, twice": (lambda m, x: m.conv(m.norm(torch.relu(m.norm(x)))), {"norm": norm()}),
    "a normalization of sizes that are read": (
        lambda m, x: (lambda y: m.norm(y).reshape(y.shape[0], -1))(m.conv(x)),
        {"norm": norm()},
    ),
    "two sizes": (lambda m, x: m.norm(m.conv(functional.max_pool2d(m.norm(m.conv(x)), 2))), {"norm": norm()}),
    "two dilations": (lambda m, x: m.conv(x) + functional.conv2d(x, m.conv.weight, padding=2, dilation=2), {}),
    "a linear layer at more places": (at_two_places, {"fc": nn.Linear(25, 3)}),
    "slopes": (lambda m, x: m.act(m.conv(m.act(x))), {"act": nn.PReLU(8)}),
    "a transposed convolution": (
        lambda m, x: m.norm(m.up(torch.relu(m.conv(x)))),
        {"up": nn.ConvTranspose2d(8, 4, 2, 2), "norm": nn.BatchNorm2d(4)},
    ),
    "weights that are computed": (with_computed_weights, {"w": nn.Parameter(torch.rand(8, 8, 1, 1))}),
    "masks and orders": (
        lambda m, x: (m.conv(x) * m.mask)[:, m.order],
        {"mask": TABLE > 0, "order": torch.arange(8).flip(0)},
    ),
    "zeros before a convolution": (lambda m, x: m.conv(functional.pad(torch.relu(m.conv(x)), (0, 1, 2, 0))), {}),
}


@pytest.mark.parametrize("name", EXPORTED)
@pytest.mark.parametrize(
    "scheme",
    [
        "dense(weight_bits=8)",
        "dense(weight_bits=3, scale=layer)",
        "stacked-binary(segments=2, filters=1/2, scale=none)",
        "sparse-basis(segments=2, filters=1/2, density=0.4)",
    ],
)
def test_flash_is_what_the_export_stores_and_outputs_are_those_of_torch(name, scheme, tmp_path):
    function, parts = EXPORTED[name]
    traced = network_of(function, 8, 5, 5, conv=conv(), **parts)
    shapes = {layer.name: layer.shape for layer in traced.spec.layers}
    schemes, _ = resolve_all(parse_scheme(scheme), shapes, frozenset(), Dense(32))
    layers = {name: fit(traced.weights[name], shapes[name], chosen) for name, chosen in schemes.items()}
    cost = network_cost(traced.spec, schemes, 8, {name: layer.usage for name, layer in layers.items()})
    path = tmp_path / "packed.safetensors"
    path.write_bytes(packed_content(pack_network(traced, layers), traced.spec))
    file = read_packed(path)
    sizes = size_breakdown(file)
    assert (sizes.formula_bytes, sizes.beyond_bytes) == (cost.flash_bytes, 0)
    load_weights(traced, {name: layer.weights for name, layer in layers.items()})
    images = torch.randn(3, 8, 5, 5, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected, found = traced.graph(images), file.network()(images)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
