"""Tracing: layers, the graph of tensors, what is free and what is unknown, and the graph that runs."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from costmodels.operation import ConstantSpec
from costmodels.shapes import ConvShape
from explorer.networks import operations, step_work
from explorer.networks.trace import load_weights, trace
from explorer.networks.zoo import build
from explorer.system.errors import NetworkError


class Lambda(nn.Module):
    """A module from a function of (module, x), with the parts given."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def traced(function, *shape, **parts):
    return trace(Lambda(function, **parts), torch.zeros(1, *shape), "test")


def step(spec, name):
    return next(operation for operation in spec.operations if operation.name == name)


def conv(inputs=4, outputs=4, **options):
    return nn.Conv2d(inputs, outputs, 3, padding=1, **options)


def test_convolution_normalization_and_activation_are_one_step():
    module = nn.Sequential(conv(bias=False), nn.BatchNorm2d(4), nn.ReLU(), conv())
    network = trace(module, torch.zeros(1, 4, 6, 6), "chain")
    first, second = network.spec.layers
    assert (first.name, first.weight, first.bias, first.normalization, first.calls) == ("0", "0.weight", False, True, 1)
    assert (second.name, second.bias, second.normalization) == ("3", True, False)
    assert [(o.kind, o.status, o.inputs, o.reuses) for o in network.spec.operations] == [
        ("conv2d", "counted", ("input",), False),
        ("batch_norm", "free", ("0",), True),
        ("relu", "free", ("1",), True),
        ("conv2d", "counted", ("2",), False),
    ]
    assert sorted(network.values.values()) == ["2", "3", "input"]
    assert (network.spec.inputs, network.spec.outputs) == (("input",), ("3",))


def test_an_activation_read_twice_keeps_its_own_place():
    network = traced(lambda m, x: (lambda y: torch.relu(y) + y)(m.conv(x)), 4, 6, 6, conv=conv())
    assert {"conv", "relu", "add"} <= set(network.values.values())
    assert step(network.spec, "add").inputs == ("relu", "conv")
    assert step(network.spec, "add").reuses


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: m.conv(m.norm(x)),  # before the layer
        lambda m, x: (lambda y: m.norm(y) + y)(m.conv(x)),  # the layer's output is read again
        lambda m, x: m.norm(torch.relu(m.conv(x))),  # not directly after it
    ],
)
def test_normalization_that_does_not_fold_is_a_stored_scale_and_shift_in_place(function):
    spec = traced(function, 4, 6, 6, conv=conv(), norm=nn.BatchNorm2d(4)).spec
    assert not spec.layers[0].normalization
    assert spec.constants == (ConstantSpec("norm.scale", 4), ConstantSpec("norm.shift", 4))
    assert (step(spec, "norm").status, step(spec, "norm").reuses, spec.unknown) == ("free", True, ())


def test_each_call_of_a_layer_folds_its_own_normalization():
    parts = {"conv": conv(), "one": nn.BatchNorm2d(4), "two": nn.BatchNorm2d(4)}
    (layer,) = traced(lambda m, x: m.two(m.conv(m.one(m.conv(x)))), 4, 6, 6, **parts).spec.layers
    assert layer.normalization
    assert [(call.bias, call.normalization, call.runs) for call in layer.variants] == [
        ("conv.bias", "one", 1),
        ("conv.bias", "two", 1),
    ]


def test_a_module_called_twice_is_one_layer_with_two_calls():
    network = traced(lambda m, x: m.conv(m.conv(x)), 4, 6, 6, conv=conv())
    (layer,) = network.spec.layers
    assert layer.calls == 2
    assert network.spec.dense_macs == 2 * 4 * 4 * 9 * 36
    assert [o.name for o in network.spec.operations] == ["conv", "conv#2"]


def test_a_module_called_at_another_size_is_one_layer_of_two_shapes():
    network = traced(lambda m, x: m.conv(functional.max_pool2d(m.conv(x), 2)), 4, 6, 6, conv=conv())
    (layer,) = network.spec.layers
    assert [(shape.input_size, runs) for shape, runs in layer.runs.items()] == [((6, 6), 1), ((3, 3), 1)]
    assert (layer.calls, network.spec.weights) == (1, 4 * 4 * 9)
    assert network.spec.dense_macs == 4 * 4 * 9 * (36 + 9)
    assert network.spec.unknown == ()


def test_a_weight_used_at_two_dilations_is_one_layer():
    def both(m, x):
        return m.conv(x) + functional.conv2d(x, m.conv.weight, padding=2, dilation=2)

    (layer,) = traced(both, 4, 6, 6, conv=conv()).spec.layers
    assert [(call.shape.dilation, call.bias) for call in layer.variants] == [((1, 1), "conv.bias"), ((2, 2), "")]


def test_calls_of_a_layer_in_other_groups_are_refused():
    def both(m, x):
        return m.conv(x) + functional.conv2d(x[:, :2], m.conv.weight, padding=1)

    with pytest.raises(NetworkError, match=r"conv is called as .*; all calls of a layer have the same groups"):
        traced(both, 4, 6, 6, conv=nn.Conv2d(4, 4, 3, padding=1, groups=2))


def test_images_folded_into_the_batch_run_the_layer_several_times():
    frames = traced(lambda m, x: m.conv(x.reshape(-1, 4, 6, 6)), 5, 4, 6, 6, conv=conv())
    assert (frames.spec.layers[0].calls, frames.spec.dense_macs) == (5, 5 * 4 * 4 * 9 * 36)
    assert frames.spec.tensors[-1].elements == 5 * 4 * 36


def test_layers_of_other_dimensions():
    row = traced(lambda m, x: m.conv(x), 4, 10, conv=nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2))
    assert row.spec.layers[0].shape == ConvShape(6, 4, (1, 3), (1, 10), (1, 2), (0, 1), groups=2)
    assert row.weights["conv"].shape == (6, 2, 1, 3)
    sequence = traced(lambda m, x: m.fc(x), 7, 4, fc=nn.Linear(4, 3))
    assert sequence.spec.layers[0].shape == ConvShape.linear(3, 4, positions=7)
    assert sequence.weights["fc"].shape == (3, 4, 1, 1)
    flat = traced(lambda m, x: m.norm(m.fc(x)), 4, fc=nn.Linear(4, 3), norm=nn.BatchNorm1d(3))
    assert flat.spec.layers[0].normalization


def test_even_kernel_with_same_padding_keeps_the_size():
    network = traced(lambda m, x: m.conv(x), 3, 7, 9, conv=nn.Conv2d(3, 5, (2, 4), padding="same", dilation=(1, 2)))
    assert network.spec.layers[0].shape.output_size == (7, 9)


def test_functional_layers_are_named_by_their_parameter():
    network = traced(lambda m, x: functional.conv2d(x, m.kernel), 4, 6, 6, kernel=nn.Parameter(torch.ones(2, 4, 3, 3)))
    assert [(layer.name, layer.weight) for layer in network.spec.layers] == [("kernel", "kernel")]
    weight = nn.Parameter(torch.ones(4, 4, 3, 3))
    computed = traced(lambda m, x: m.conv(functional.conv2d(x, m.w - m.w.mean())), 4, 6, 6, conv=conv(), w=weight)
    assert [(o.kind, o.macs, o.weights) for o in computed.spec.fixed] == [("conv2d", 4 * 4 * 9 * 16, ("w",))]
    assert "computed in the graph" in computed.spec.fixed[0].reason


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (lambda m, x: torch.fft.fft2(m.conv(x)).real, "fft_fft2"),
        (lambda m, x: torch.special.i0(m.conv(x)), "special_i0"),
        (lambda m, x: torch.linalg.inv(m.conv(x)), "linalg_inv"),
    ],
)
def test_what_is_not_known_is_named(function, kind):
    network = traced(function, 4, 6, 6, conv=conv())
    assert kind in [o.kind for o in network.spec.unknown]
    assert all(o.reason for o in network.spec.unknown)


@pytest.mark.parametrize(
    ("function", "macs"),
    [
        (lambda m, x: m.conv(x) @ x.transpose(2, 3), 4 * 6 * 6 * 6),  # 4 products of 6x6 matrices
        (lambda m, x: torch.bmm(m.conv(x).flatten(2), x.flatten(2).mT), 4 * 36 * 4),
        (lambda m, x: functional.scaled_dot_product_attention(m.conv(x), x, x), 2 * 4 * 6 * 6 * 6),
        (lambda m, x: functional.conv2d(x, m.conv(x).mean(0, keepdim=True)), 4 * 36 * 1),
        (lambda m, x: torch.einsum("nchw,ndhw->ncd", m.conv(x), x), 4 * 4 * 36),
        (lambda m, x: torch.einsum("nchw,ndhw,nchw->nd", m.conv(x), x, x), 4 * 4 * 36),
    ],
)
def test_products_of_activations_have_mac_and_no_weights(function, macs):
    spec = traced(function, 4, 6, 6, conv=conv()).spec
    assert [(o.macs, o.weights) for o in spec.fixed] == [(macs, ())]
    assert (spec.constants, spec.unknown) == ((), ())
    assert spec.dense_macs == 4 * 4 * 9 * 36 + macs


@pytest.mark.parametrize(
    ("layer", "size", "weights", "macs"),
    [
        (nn.ConvTranspose2d(4, 6, 2, 2), (6, 6), 4 * 6 * 2 * 2, 4 * 6 * 2 * 2 * 36),  # at each place of the input
        (nn.ConvTranspose2d(4, 6, 3, 2, padding=1, groups=2), (5, 4), 4 * 3 * 9, 4 * 3 * 9 * 20),
        (nn.ConvTranspose1d(4, 2, 4, 2), (9,), 4 * 2 * 4, 4 * 2 * 4 * 9),
        (nn.ConvTranspose3d(4, 2, 2, bias=False), (3, 2, 2), 4 * 2 * 8, 4 * 2 * 8 * 12),
        (nn.Conv3d(4, 2, (1, 3, 3), padding=(0, 1, 1)), (3, 4, 4), 4 * 2 * 9, 4 * 2 * 9 * 48),
    ],
)
def test_layers_without_compressed_forms_are_counted_with_their_weights(layer, size, weights, macs):
    parts = {"layer": layer, "fc": nn.Linear(4, 3)}
    spec = traced(lambda m, x: m.fc(m.layer(x).mean().expand(1, 4)), 4, *size, **parts).spec
    (fixed,) = spec.fixed
    assert (fixed.macs, fixed.weights) == (macs, ("layer.weight",))
    bias = () if layer.bias is None else (ConstantSpec("layer.bias", layer.out_channels),)
    assert set(spec.constants) == {ConstantSpec("layer.weight", weights, is_weight=True), *bias}
    assert (spec.weights, spec.dense_macs) == (4 * 3 + weights, 4 * 3 + macs)
    assert "no compressed form yet" in fixed.reason
    with FlopCounterMode(display=False) as counter:
        layer(torch.zeros(1, 4, *size))
    assert counter.get_total_flops() == 2 * macs


@pytest.mark.parametrize(("layer", "gates"), [(nn.LSTM, 4), (nn.RNN, 1)], ids=["LSTM", "a plain one"])
def test_recurrent_layers_have_the_mac_of_their_steps_and_their_weights(layer, gates):
    """Two directions, each of gates * 5 rows of 4 inputs and 5 states, at 6 steps."""
    recurrent = layer(4, 5, batch_first=True, bidirectional=True)
    spec = traced(lambda m, x: m.rnn(m.fc(x))[0].mean(1), 6, 3, fc=nn.Linear(3, 4), rnn=recurrent).spec
    (fixed,) = spec.fixed
    weights = 2 * gates * 5 * (4 + 5)
    assert (fixed.macs, spec.weights, spec.unknown) == (6 * weights, 3 * 4 + weights, ())
    assert len(fixed.weights) == 4
    assert sum(constant.elements for constant in spec.constants) == weights + 2 * 2 * gates * 5  # and biases


@pytest.mark.parametrize(
    ("function", "name", "operations"),
    [
        (lambda m, x: functional.prelu(m.conv(x), m.slopes), "prelu", 144),
        (lambda m, x: m.conv(x) + x, "add", 144),
        (lambda m, x: m.norm(m.conv(torch.relu(x))), "norm", 0),  # folds into the layer
        (lambda m, x: m.norm(torch.relu(m.conv(x))), "norm", 2 * 144),
        (lambda m, x: functional.instance_norm(m.conv(x)), "instance_norm", 6 * 144),
        (lambda m, x: functional.group_norm(m.conv(x), 2), "group_norm", 6 * 144),
        (lambda m, x: functional.max_pool2d(m.conv(x), 3, 2), "max_pool2d", 9 * 16),
        (lambda m, x: functional.avg_pool2d(m.conv(x), (1, 2)), "avg_pool2d", 2 * 72),
        (lambda m, x: functional.adaptive_avg_pool2d(m.conv(x), 1), "adaptive_avg_pool2d", 144),
        (lambda m, x: m.conv(x).mean((2, 3)), "mean", 144),
        (lambda m, x: m.conv(x).index_select(1, m.order), "index_select", 0),
        (lambda m, x: torch.cat([m.conv(x), x], 1), "cat", 0),
        (
            lambda m, x: functional.interpolate(m.conv(x), scale_factor=2, mode="bilinear"),
            "upsample_bilinear2d",
            7 * 576,
        ),
        (lambda m, x: m.conv(x).flatten(1).softmax(1), "softmax", 5 * 144),
    ],
)
def test_steps_that_are_no_layer_are_counted_in_operations(function, name, operations):
    parts = {"conv": conv(), "norm": nn.BatchNorm2d(4), "slopes": nn.Parameter(torch.ones(4)), "order": torch.arange(4)}
    spec = traced(function, 4, 6, 6, **parts).spec
    assert step(spec, name).operations == operations
    assert spec.unknown == ()


def test_matrices_that_are_stored_are_weights():
    spec = traced(
        lambda m, x: m.conv(x).mean((2, 3)) @ m.table, 4, 6, 6, conv=conv(), table=nn.Parameter(torch.ones(4, 3))
    ).spec
    assert spec.constants == (ConstantSpec("table", 12, is_weight=True),)
    assert [o.macs for o in spec.fixed] == [12]


@pytest.mark.parametrize(
    ("function", "kinds"),
    [
        (lambda m, x: functional.hardswish(m.conv(x) * torch.sigmoid(x)), {"sigmoid", "mul", "hardswish"}),
        (lambda m, x: torch.cat(m.conv(x).chunk(2, 1)[::-1], 1), {"chunk", "getitem", "cat"}),
        (lambda m, x: functional.interpolate(m.conv(x), scale_factor=2), {"upsample_nearest2d"}),
        (lambda m, x: functional.pad(m.conv(x), (1, 1)).mean((2, 3)).softmax(1), {"pad", "mean", "softmax"}),
        (lambda m, x: m.conv(x + 1) / 2, {"add", "div"}),
    ],
)
def test_what_is_free_says_why(function, kinds):
    spec = traced(function, 4, 6, 6, conv=conv()).spec
    assert kinds <= {o.kind for o in spec.operations if o.status == "free"}
    assert spec.unknown == ()
    assert all(o.reason for o in spec.operations if o.status == "free")


PADDED = {
    "pad": lambda m, x: m.conv(functional.pad(m.first(x), (1, 1))),
    "asymmetric": lambda m, x: m.conv(functional.pad(m.first(x), (0, 1, 2, 0))),
    "module": lambda m, x: m.conv(m.pad(m.first(x))),
    "two readers": lambda m, x: (lambda y: m.conv(y) + m.first(y))(functional.pad(x, (1, 1))),
}


@pytest.mark.parametrize("name", PADDED)
def test_zeros_before_convolutions_are_added_inside_them(name):
    parts = {"first": conv(), "conv": conv(), "pad": nn.ZeroPad2d(1)}
    module = Lambda(PADDED[name], **parts)
    inside, tensor = (trace(module, torch.zeros(1, 4, 6, 6), "n", padding=how).spec for how in ("inside", "tensor"))
    steps = [next(o for o in spec.operations if "pad" in o.kind) for spec in (inside, tensor)]
    assert [(one.views, one.reuses, one.status) for one in steps] == [(True, True, "free"), (False, False, "free")]
    assert [layer.shape for layer in inside.layers] == [layer.shape for layer in tensor.layers]


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: m.conv(functional.pad(x, (1, 1), value=0.5)),
        lambda m, x: m.conv(functional.pad(x, (1, 1, 1, 1), mode="reflect")),
        lambda m, x: m.conv(functional.pad(x, (-1, 1))),
        lambda m, x: functional.max_pool2d(functional.pad(m.conv(x), (1, 1)), 2),
        lambda m, x: (lambda y: m.conv(y).mean() + y.mean())(functional.pad(x, (1, 1))),
        lambda m, x: functional.conv_transpose2d(functional.pad(m.conv(x), (1, 1)), m.conv.weight),
    ],
)
def test_other_padding_is_a_tensor_of_its_own(function):
    spec = traced(function, 4, 6, 6, conv=conv()).spec
    (padded,) = [o for o in spec.operations if "pad" in o.kind]
    assert not padded.views


@pytest.mark.parametrize(
    ("function", "views"),
    [
        (lambda m, x: m.conv(x).view(-1, 4, 36).transpose(1, 2).contiguous(), {"view", "contiguous"}),
        (lambda m, x: torch.cat(m.conv(x).chunk(2, 1)[::-1], 1), {"chunk", "getitem"}),
        (lambda m, x: m.conv(x).to(torch.float32, copy=False), {"to"}),
        (lambda m, x: m.conv(x).to(torch.float64), {"to"}),
        (lambda m, x: m.conv(x) * x.mean((2, 3), keepdim=True).expand_as(x), {"expand_as"}),  # repeated by the product
        (lambda m, x: m.conv(x.mean(1, keepdim=True).expand(-1, 4, -1, -1)), set()),  # written for the convolution
        (lambda m, x: m.conv(x).clone(), set()),
    ],
)
def test_views_are_said(function, views):
    spec = traced(function, 4, 6, 6, conv=conv()).spec
    assert {o.kind for o in spec.operations if o.views} == views


def test_operations_that_read_a_shape_alone_do_not_keep_its_tensor():
    spec = traced(lambda m, x: m.conv(x).flatten(1).view_as(x) + torch.zeros_like(x), 4, 6, 6, conv=conv()).spec
    assert step(spec, "view_as").inputs == ("flatten",)
    assert step(spec, "zeros_like").inputs == ()


def test_elements_are_those_of_one_image_whatever_the_example_batch():
    module = nn.Sequential(conv(), nn.Flatten(), nn.Linear(144, 3))
    specs = [trace(module, torch.zeros(batch, 4, 6, 6), "n").spec for batch in (1, 3)]
    assert specs[0] == specs[1]
    assert [tensor.elements for tensor in specs[0].tensors] == [144, 144, 144, 3]


def test_a_fixed_batch_is_accepted_and_noted():
    network = trace(Lambda(lambda m, x: m.conv(x).view(3, -1), conv=conv()), torch.zeros(3, 4, 6, 6), "fixed")
    assert network.fixed_batch == 3
    assert "batches of 3 only" in network.notes[0]
    assert [tensor.elements for tensor in network.spec.tensors] == [144, 144, 144]
    assert network.graph(torch.zeros(3, 4, 6, 6)).shape == (3, 144)


def test_several_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = conv()

        def forward(self, x, y):
            return self.conv(x) + y

    network = trace(Two(), (torch.zeros(1, 4, 6, 6), torch.zeros(1, 4, 6, 6)), "two")
    assert network.spec.inputs == ("x", "y")
    assert step(network.spec, "add").inputs == ("conv", "y")


@pytest.mark.parametrize("name", ["digits-cnn", "resnet20-cifar"])
@pytest.mark.parametrize("batch", [1, 5])
def test_the_graph_computes_what_the_module_computes(name, batch):
    module, example = build(name)
    network = trace(module, example, name)
    images = torch.randn(batch, *example.shape[1:], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = module(images)
        assert torch.equal(network.graph(images), before)
        load_weights(network, {layer: 0.5 * array for layer, array in network.weights.items()})
        changed = network.graph(images)
        assert torch.equal(module(images), before), "the module keeps its weights"
        for layer in network.spec.layers:
            module.get_parameter(layer.weight).mul_(0.5)
        assert torch.equal(changed, module(images))
        assert not torch.equal(changed, before)


def test_layers_that_are_not_named_get_their_own_weights_back():
    module, example = build("digits-cnn")
    network = trace(module, example, "digits-cnn")
    images = torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        load_weights(network, {"conv1": np.zeros((32, 1, 3, 3), np.float32)})
        assert not torch.equal(network.graph(images), module(images))
        load_weights(network, {})
        assert torch.equal(network.graph(images), module(images))


def test_weights_of_another_layer_or_shape_are_refused():
    network = trace(*build("digits-cnn"), "digits-cnn")
    with pytest.raises(NetworkError, match=r"no such layer"):
        load_weights(network, {"99": np.zeros(3)})
    with pytest.raises(NetworkError, match=r"expected \(32, 1, 3, 3\)"):
        load_weights(network, {"conv1": np.zeros((32, 1, 5, 5))})
    with pytest.raises(ValueError, match="read-only"):
        network.weights["conv1"][:] = 0


def test_every_value_names_a_node_and_a_tensor_of_its_size():
    network = trace(*build("resnet20-cifar"), "resnet20-cifar")
    nodes = {node.name: node for node in network.graph.graph.nodes}
    sizes = {tensor.name: tensor.elements for tensor in network.spec.tensors}
    for node, tensor in network.values.items():
        assert sizes[tensor] == np.prod(nodes[node].meta["val"].shape[1:])


def test_the_mode_of_the_module_is_restored():
    module = nn.Sequential(conv(), nn.Dropout())
    trace(module.train(), torch.zeros(1, 4, 6, 6), "mode")
    assert module.training


def test_what_torch_export_cannot_follow_is_one_line():
    def branch(m, x):
        return m.conv(x) if x.sum() > 0 else x

    with pytest.raises(NetworkError, match=r"\w+: .*; torch\.export can follow the network") as caught:
        traced(branch, 4, 6, 6, conv=conv())
    assert "\n" not in str(caught.value)
    with pytest.raises(NetworkError, match="a network has a convolution or a linear layer"):
        traced(lambda m, x: x + 1, 4)
    with pytest.raises(NetworkError, match="batch dimension first"):
        trace(conv(), torch.zeros(4, 6, 6), "unbatched")


def test_a_failed_export_prints_nothing(capfd, caplog):
    with pytest.raises(NetworkError):
        traced(lambda m, x: m.conv(x) if x.sum() > 0 else x, 4, 6, 6, conv=conv())
    assert capfd.readouterr() == ("", "")


def test_a_network_of_unknown_layers_alone_says_which():
    module = torch.nn.utils.parametrizations.weight_norm(conv())
    with pytest.raises(NetworkError, match=r"none in n, but .*computed in the graph.*remove_parametrizations"):
        trace(nn.Sequential(module), torch.zeros(1, 4, 6, 6), "n")


def test_weights_in_a_buffer_are_loaded_like_parameters():
    module = Lambda(lambda m, x: functional.linear(x, m.table))
    module.register_buffer("table", torch.ones(2, 3))
    network = trace(module, torch.zeros(1, 3), "buffer")
    load_weights(network, {"table": np.full((2, 3, 1, 1), 2.0)})
    assert torch.equal(network.graph(torch.ones(4, 3)), torch.full((4, 2), 6.0))
    assert torch.equal(module.table, torch.ones(2, 3))


def test_steps_of_a_layer_other_than_its_own_are_named_apart():
    padded = nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")
    network = trace(nn.Sequential(padded), torch.zeros(1, 4, 6, 6), "reflect")
    assert [(o.name, o.status) for o in network.spec.operations] == [("0.pad", "free"), ("0", "counted")]
    assert network.spec.layers[0].shape == ConvShape(4, 4, (3, 3), (8, 8))


@pytest.mark.parametrize("name", ["slice", "linear", "batch_norm"])
def test_an_input_may_have_the_name_of_an_operation(name):
    scope = {}
    exec(f"def forward(self, {name}): return self.conv({name})", scope)  # noqa: S102 - the argument's name is the case
    module = type("Named", (nn.Module,), {"forward": scope["forward"]})()
    module.conv = conv()
    assert trace(module, torch.zeros(1, 4, 6, 6), "named").spec.inputs == (name,)


def test_no_operation_has_two_rules():
    named = [name for _, _, names in operations._GROUPS for name in names.split()]
    assert len(named) == len(set(named)) == len(operations.OPERATIONS)
    assert not operations.LAYERS & operations.OPERATIONS.keys()
    assert {*step_work._BY_OUTPUT, *step_work._BY_INPUT} <= operations.OPERATIONS.keys()
