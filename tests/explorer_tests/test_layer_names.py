"""Any name of a layer is text: in the graph, the tables and the files."""

import pytest
import torch
from torch import nn

from explorer.networks.trace import load_weights, trace

NAMES = [
    'a"b',
    "a'b\\",
    "a\nb",
    "a\x1b]0;own\x07b",
    "=1+1",
    "1x1, wide",
    "é模",
    "a b",
    "{x}",
    "%s",
    "</script>",
    "class",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_network_with_a_layer_of_that_name_runs(name):
    module = nn.Sequential()
    module.add_module(name, nn.Conv2d(1, 2, 1))
    module.add_module("last", nn.BatchNorm2d(2))
    network = trace(module.eval(), torch.zeros(1, 1, 4, 4), "named")
    (layer,) = network.spec.layers
    assert layer.weight == f"{name}.weight"
    assert layer.name.isprintable()
    images = torch.rand(3, 1, 4, 4)
    with torch.no_grad():
        assert torch.equal(network.graph(images), module(images))
        load_weights(network, {layer.name: 2 * network.weights[layer.name]})
        module.get_parameter(layer.weight).mul_(2)
        assert torch.equal(network.graph(images), module(images))


def test_names_that_are_printable_stay_as_they_are():
    module = nn.Sequential()
    for name in ("conv", "=1", 'a"b'):
        module.add_module(name, nn.Conv2d(1, 1, 1))
    spec = trace(module, torch.zeros(1, 1, 4, 4), "named").spec
    assert [layer.name for layer in spec.layers] == ["conv", "=1", 'a"b']
