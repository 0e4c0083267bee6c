"""Transposed convolutions in every form: equal to torch's, counted as FlopCounterMode counts, stored as they are."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from costmodels import Dense, layer_cost
from costmodels.text import parse_scheme
from explorer.deployment.device_code.program_need import dense_program
from explorer.deployment.packed.network import pack_network
from explorer.forms.compress import compress, plain_network
from explorer.forms.fitting import fit
from explorer.measurement.activation_ranges import measure_activation_ranges
from explorer.measurement.quantized_graph import quantized_graph
from explorer.networks.load import LoadedNetwork, ready_network
from explorer.networks.trace import load_weights, trace
from explorer.networks.transposed import SpreadConv2d, spread_transposed
from explorer.system.errors import DeviceCodeError

SETTINGS = [
    {"kernel_size": 2, "stride": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
    {"kernel_size": 4, "stride": 2, "padding": 1, "bias": False},
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 3, "dilation": 2, "groups": 4},
    {"kernel_size": 3, "stride": 3, "padding": 4, "output_padding": 1},  # cuts values off
    {"kernel_size": 2, "stride": 4},  # places that no value reaches
    {"kernel_size": 1, "stride": 2, "output_padding": 1},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(("kind", "size"), [(nn.ConvTranspose1d, (7,)), (nn.ConvTranspose2d, (7, 5))])
def test_it_computes_what_torch_does_and_has_its_state(kind, size, settings):
    torch.manual_seed(0)
    module, images = nn.Sequential(kind(4, 8, **settings)).eval(), torch.randn(2, 4, *size)
    expected, state = module(images), {name: value.clone() for name, value in module.state_dict().items()}
    spread_transposed(module)
    assert torch.allclose(module(images), expected, atol=1e-5)
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    module[0].weight.data.zero_()
    module.load_state_dict(state)
    assert torch.allclose(module(images), expected, atol=1e-5)


def test_every_setting_is_counted_as_torch_counts_it():
    """All of them side by side on the same values: MAC, and no memory for zeros."""

    class Every(nn.Module):
        def __init__(self):
            super().__init__()
            self.ups = nn.ModuleList(nn.ConvTranspose2d(4, 8, **settings) for settings in SETTINGS)
            self.row = nn.ConvTranspose1d(4, 8, 3, 2, groups=2)

        def forward(self, x):
            return [up(x).mean((2, 3)) for up in self.ups], self.row(x.flatten(2)).mean(2)

    module, images = Every().eval(), torch.randn(1, 4, 7, 5)
    with FlopCounterMode(display=False) as counter:
        module(images)
    spread_transposed(module)
    spec = trace(module, images, "net").spec
    assert [layer.shape.weight_uses for layer in spec.layers] == [35] * 9
    assert (spec.fixed, spec.dense_macs) == ((), counter.get_total_flops() // 2)
    zeros = [one for one in spec.operations if one.kind in ("pad", "unsqueeze", "flatten")]
    assert len(zeros) == 8 * 6 + 4 + 1  # that in forward is of the values
    assert all(one.views for one in zeros)


def test_an_output_size_is_taken_where_a_stride_leaves_a_choice():
    class Back(nn.Module):
        def __init__(self):
            super().__init__()
            self.up = nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1)

        def forward(self, x):
            return self.up(functional.max_pool2d(x, 2, ceil_mode=True), output_size=x.shape[2:])

    module, images = Back(), torch.randn(1, 4, 8, 7)
    expected = module(images)
    spread_transposed(module)
    assert type(module.up) is SpreadConv2d
    assert torch.allclose(module(images), expected, atol=1e-5)


def test_weights_are_shared_among_transposed_convolutions_alone():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.up = nn.Conv2d(4, 4, 3), nn.ConvTranspose2d(4, 4, 3)
            self.one, self.two = nn.ConvTranspose2d(4, 4, 2), nn.ConvTranspose2d(4, 4, 2)
            self.up.weight, self.two.weight = self.down.weight, self.one.weight

        def forward(self, x):
            return self.two(self.one(self.up(self.down(x))))

    module, images = Tied(), torch.randn(1, 4, 6, 6)
    expected = module(images)
    spread_transposed(module)
    assert torch.allclose(module(images), expected, atol=1e-5)
    assert type(module.up) is nn.ConvTranspose2d
    assert module.one.weight is module.two.weight
    spec = trace(module, images, "tied").spec
    assert [sum(layer.runs.values()) for layer in spec.layers] == [1, 2]
    assert [step.kind for step in spec.fixed] == ["conv_transpose2d"]


def test_derived_classes_are_taken_unless_they_compute_something_else():
    class Up(nn.ConvTranspose2d):
        def __init__(self):
            super().__init__(4, 4, 2, 2)

    class Doubled(Up):
        def forward(self, x):
            return 2 * super().forward(x)

    module, images = nn.Sequential(Up(), Doubled()), torch.randn(1, 4, 3, 3)
    expected = module(images)
    spread_transposed(module)
    assert torch.allclose(module(images), expected, atol=1e-5)
    assert [type(part) for part in module] == [SpreadConv2d, Doubled]


def upsampling():
    """Traced: down, up in two ways with a normalization that folds, and a head."""
    torch.manual_seed(0)
    up = nn.ConvTranspose2d(8, 8, 3, 2, 1, 1, groups=2)
    module = nn.Sequential(
        nn.Conv2d(4, 8, 3, 2, 1), nn.Tanh(), up, nn.BatchNorm2d(8), nn.ReLU(), nn.ConvTranspose2d(8, 4, 2, 2)
    )
    module[3].running_mean.normal_()
    module[3].running_var.uniform_(0.5, 2)
    return ready_network(LoadedNetwork("up", module.eval(), torch.randn(1, 4, 6, 6), "user", "drawn"))


@pytest.mark.parametrize(
    "scheme",
    [
        "dense(weight_bits=4)",
        "ternary",
        "pruned(density=0.5, weight_bits=8)",
        "stacked-binary(segments=2, filters=1/2)",
        "linear-representation(templates=2, coefficient_bits=8)",
        "sparse-basis(segments=2, filters=1/2, density=0.5)",
        "vector-quantized(codewords=4, vector_channels=1)",
        "low-rank(filters=2)",
    ],
)
def test_forms_are_fitted_packed_and_trained_as_those_of_convolutions(scheme):
    """Rounded activations have a zero point here, which the zeros between them are at."""
    loaded = upsampling()
    traced, images = trace(loaded.module, loaded.example_input, "up"), torch.randn(3, 4, 6, 6)
    schemes = dict.fromkeys([layer.name for layer in traced.spec.layers], Dense(8))
    schemes["2"] = parse_scheme(scheme).resolve(traced.spec.layer("2").shape)
    layers = {
        layer.name: fit(traced.weights[layer.name], layer.shape, schemes[layer.name]) for layer in traced.spec.layers
    }
    ranges = measure_activation_ranges(traced, images, 8)
    network = pack_network(traced, layers, ranges)
    trained = compress(loaded.module, {"2": layers["2"]})
    load_weights(traced, {name: layer.weights for name, layer in layers.items()})
    with torch.no_grad():
        expected, found = quantized_graph(traced, ranges)(images), network(images)
        assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)
        load_weights(traced, {"2": layers["2"].weights})
        assert torch.allclose(trained(images), traced.graph(images), atol=1e-5)
        plain = plain_network(trained)
    assert plain.state_dict()["2.weight"].shape == (8, 4, 3, 3)


def test_every_count_is_of_the_values_and_not_of_the_zeros():
    """4*8*9 weights at 3x3 values, where their convolution has 6x6 places; merges and maps are of the places."""
    loaded = upsampling()
    layer = trace(loaded.module, loaded.example_input, "up").spec.layer("2")
    counts = {}
    for scheme in ("dense", "ternary", "pruned(density=1)", "stacked-binary(segments=2, filters=1/2)"):
        cost = layer_cost(layer.shape, scheme)
        counts[scheme] = cost.executions["direct"].macs + cost.executions["direct"].additions
        shared = cost.executions.get("shared-maps")
    assert set(counts.values()) == {4 * 8 * 9 * 9}
    assert layer.shape.positions == 36
    # g*S*k = 2*2*2 maps of s*d^2 = 2*9 weights at 9 values; n*(S - 1) merges at 36 places.
    assert shared.additions == 2 * 2 * 2 * 2 * 9 * 9 + 8 * 1 * 36


def test_the_weights_that_are_traced_are_those_of_the_convolution():
    loaded = upsampling()
    module, images = loaded.module, torch.randn(1, 8, 3, 3)
    weights = torch.tensor(np.array(trace(module, loaded.example_input, "up").weights["2"]))
    spread = torch.zeros(1, 8, 8, 8)
    spread[:, :, 1:7:2, 1:7:2] = images
    assert torch.allclose(functional.conv2d(spread, weights, module[2].bias, groups=2), module[2](images), atol=1e-5)


def test_c_has_a_step_for_each_and_none_for_the_zeros():
    """Values are 3x3, then 6x6; the second has stride 2 and reaches one zero before its first value, the fourth 1."""
    loaded = upsampling()
    loaded.module[1] = nn.ReLU()
    steps = dense_program(trace(loaded.module, loaded.example_input, "up")).steps
    assert [step.kernel for step in steps] == ["conv", "transposed", "transposed"]
    windows = [step.window for step in steps[1:]]
    assert [(one.input_size, one.stride, one.pad) for one in windows] == [
        ((3, 3), (2, 2), (1, 1)),
        ((6, 6), (2, 2), (1, 1)),
    ]
    assert [step.macs for step in steps[1:]] == [8 * 4 * 9 * 9, 8 * 4 * 4 * 36]


@pytest.mark.parametrize(
    "step", [lambda x: x.unsqueeze(4).sum(4), lambda x: functional.pad(x.unsqueeze(3), (0, 1)).flatten(2)]
)
def test_c_refuses_other_zeros_between_values(step):
    """No convolution of one or two dimensions reads them."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x):
            return step(self.conv(x))

    with pytest.raises(DeviceCodeError, match="unsqueeze that gives no"):
        dense_program(trace(Net().eval(), torch.zeros(1, 1, 6, 6), "net"))
