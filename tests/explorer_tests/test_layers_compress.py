from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from costmodels import ConvShape, network_cost
from costmodels.schemes import Dense, LinearRepresentation, Pruned, SparseBasis, StackedBinary
from explorer.forms.compress import after_step, compress, fitted_layers, plain_network
from explorer.forms.fitting import fit
from explorer.forms.trainable import CompressedLayer
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from explorer.system.errors import LayerError

DESIGN = {
    "conv1": Dense(4),
    "conv2": StackedBinary(8, 16, "filter"),
    "conv3": LinearRepresentation(16, 6, 8),
    "conv4": SparseBasis(24, 24, 4, 0.5, 8),
    "fc": Pruned(0.5, 8),
}


@pytest.fixture
def digits_cnn():
    module, example = build("digits-cnn")
    return module, trace(module, example, "digits-cnn")


def fits(traced, design):
    return {name: fit(traced.weights[name], traced.spec.layer(name).shape, scheme) for name, scheme in design.items()}


def test_a_compressed_network_computes_what_the_design_computes(digits_cnn) -> None:
    module, traced = digits_cnn
    before = {name: value.clone() for name, value in module.state_dict().items()}
    found = fits(traced, DESIGN)
    network = compress(module, found)
    plain = plain_network(network)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert [type(plain.get_submodule(name)) for name in DESIGN] == [nn.Conv2d] * 4 + [nn.Linear]
    for name, layer in found.items():
        weight = plain.get_submodule(name).weight.detach().numpy()
        np.testing.assert_allclose(weight.reshape(layer.weights.shape), layer.weights, rtol=1e-5, atol=1e-6)
    images = torch.rand(5, 1, 8, 8)
    torch.testing.assert_close(network(images), plain(images))


def test_the_way_back_costs_no_more_than_the_design(digits_cnn) -> None:
    module, traced = digits_cnn
    found = fits(traced, DESIGN)
    network = compress(module, found).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(3):
        loss = nn.functional.cross_entropy(network(torch.rand(20, 1, 8, 8)), torch.arange(20) % 10)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        after_step(network)
    back = fitted_layers(network, traced.weights)
    assert list(back) == list(DESIGN)
    plain = plain_network(network.eval())
    for name, layer in back.items():
        weight = plain.get_submodule(name).weight.detach().numpy()
        np.testing.assert_allclose(weight.reshape(layer.weights.shape), layer.weights, rtol=1e-5, atol=1e-5)
        assert not np.array_equal(layer.weights, found[name].weights)
    costs = [
        network_cost(traced.spec, DESIGN, 8, {name: layer.usage for name, layer in layers.items()})
        for layers in (found, back)
    ]
    assert costs[1].flash_bytes <= costs[0].flash_bytes
    assert costs[1].bit_ops <= costs[0].bit_ops


class Doubled(nn.Conv2d):
    """Pads on one side alone and doubles by a parameter of its own."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.factor = nn.Parameter(torch.tensor(2.0))

    def forward(self, images):
        return self.factor * super().forward(nn.functional.pad(images, (0, 1, 0, 1)))


class Named(nn.Linear):
    """A linear layer of a class of its own."""


@pytest.mark.parametrize("bias", [True, False])
def test_layers_of_derived_classes_run_as_these_say(bias) -> None:
    torch.manual_seed(1)
    network = nn.Sequential(
        OrderedDict(conv=Doubled(4, 6, 2, bias=bias), act=nn.ReLU(), flat=nn.Flatten(), fc=Named(96, 3, bias=bias))
    ).eval()
    traced = trace(network, torch.zeros(1, 4, 4, 4), "derived")
    found = fits(traced, {"conv": Dense(6), "fc": Dense(6)})
    compressed = compress(network, found)
    plain = plain_network(compressed)
    assert [type(plain.conv), type(plain.fc)] == [Doubled, Named]
    assert plain.state_dict().keys() == network.state_dict().keys()
    images = torch.rand(5, 4, 4, 4)
    assert torch.equal(compressed(images), plain(images))
    np.testing.assert_array_equal(plain.conv.weight.detach().numpy(), found["conv"].weights)
    exact = compress(network, fits(traced, {"conv": Dense(32), "fc": Dense(32)}))
    torch.testing.assert_close(exact(images), network(images))
    optimizer = torch.optim.SGD(compressed.parameters(), 0.1)
    compressed(images).square().sum().backward()
    optimizer.step()
    after_step(compressed)
    trained = plain_network(compressed)
    assert trained.conv.factor.item() != 2.0
    assert not torch.equal(trained.conv.weight, plain.conv.weight)
    assert (trained.conv.bias is None) == (not bias)
    assert repr(compressed).count("Doubled") == 1
    stacked = compress(network, fits(traced, {"conv": StackedBinary(4, 4, "filter")})).conv
    with pytest.raises(LayerError, match="shared-maps; a layer of a class of its own runs as that class says"):
        stacked(images, "shared-maps")


def test_weights_that_others_read_are_not_taken_away() -> None:
    attention = nn.MultiheadAttention(8, 2)
    weights = attention.out_proj.weight.detach().numpy()[:, :, None, None]
    with pytest.raises(LayerError, match="NonDynamicallyQuantizableLinear; a Conv2d or a Linear is trained"):
        compress(attention, {"out_proj": fit(weights, ConvShape(8, 8, (1, 1), (1, 1)), Dense(4))})


def test_a_module_at_two_places_is_one_layer() -> None:
    conv = nn.Conv2d(4, 4, 3, padding=1)
    network = nn.Sequential(OrderedDict(a=conv, b=nn.ReLU(), c=conv))
    traced = trace(network, torch.zeros(1, 4, 6, 6), "twice")
    (layer,) = traced.spec.layers
    assert layer.calls == 2
    compressed = compress(network, fits(traced, {layer.name: Dense(4)}))
    assert compressed.a is compressed.c
    assert isinstance(compressed.a, CompressedLayer)
    images = torch.rand(2, 4, 6, 6)
    torch.testing.assert_close(plain_network(compressed)(images), compressed(images))


def test_weights_that_two_modules_share_are_refused() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    network[1].weight = network[0].weight
    traced = trace(network, torch.zeros(1, 4), "tied")
    with pytest.raises(LayerError, match=r"got .; no other module uses the weights of .; give each module its own"):
        compress(network, fits(traced, {traced.spec.layers[0].name: Dense(4)}))


def test_what_is_no_layer_is_refused(digits_cnn) -> None:
    module, traced = digits_cnn
    found = fits(traced, {"conv2": Dense(4)})["conv2"]
    with pytest.raises(LayerError, match=r"got conv9; a layer is a module of the network; choose from conv1, conv2, "):
        compress(module, {"conv9": found})
    with pytest.raises(LayerError, match="bn2: got BatchNorm2d; a Conv2d or a Linear is trained in a compressed form"):
        compress(module, {"bn2": found})
    with pytest.raises(LayerError, match=r"conv3: .*; the layer has the shape that was fitted"):
        compress(module, {"conv3": found})


def test_a_network_that_is_one_layer_is_replaced_itself() -> None:
    linear = nn.Linear(4, 3)
    shape_of = trace(nn.Sequential(linear), torch.zeros(1, 4), "one").spec.layers[0].shape
    layer = fit(linear.weight.detach().numpy().reshape(shape_of.weight_shape), shape_of, Dense(4))
    assert isinstance(compress(linear, {"": layer}), CompressedLayer)
