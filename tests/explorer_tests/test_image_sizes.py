"""The batch followed through a graph: sizes of one image, whatever the layout, and where forward fixes the batch."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import filterfront as ff
from explorer.networks.trace import trace


class Lambda(nn.Module):
    """A module from a function of (module, *inputs), with the parts given."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def traced(function, *shape, **parts):
    return trace(Lambda(function, **parts), torch.zeros(shape), "test")


def macs(network):
    return {layer.name: layer.dense_macs for layer in network.spec.layers}


def elements(network):
    return {tensor.name: tensor.elements for tensor in network.spec.tensors}


@pytest.mark.parametrize("places", [1, 2, 3, 4, 64])
def test_a_tensor_that_forward_makes_has_no_batch(places):
    """A linear layer over positions, whose number two images may or may not divide."""

    def forward(m, x):
        positions = torch.arange(places, dtype=torch.float32).reshape(places, 1)
        return m.conv(x).mean((2, 3)) + m.fc(positions).sum(0)

    network = traced(forward, 1, 3, 4, 4, conv=nn.Conv2d(3, 8, 1), fc=nn.Linear(1, 8))
    assert macs(network) == {"conv": 3 * 8 * 16, "fc": places * 1 * 8}
    assert network.notes == ()


@pytest.mark.parametrize("made", [torch.zeros_like, lambda x: x.new_ones(len(x), 3, 4, 4), torch.ones_like])
def test_a_tensor_made_for_every_image_has_one(made):
    network = traced(lambda m, x: m.conv(x) + m.conv(made(x)), 1, 3, 4, 4, conv=nn.Conv2d(3, 8, 1))
    assert macs(network) == {"conv": 2 * 3 * 8 * 16}


LAYOUTS = {
    "batch first": lambda m, y: m.fc(y.transpose(1, 2)),
    "sequence first": lambda m, y: m.fc(y.permute(2, 0, 1)),
    "batch last": lambda m, y: m.fc(y.permute(2, 1, 0).transpose(1, 2)),
    "all in one": lambda m, y: m.fc(y.transpose(1, 2).flatten(0, 1)),
    "all in turn": lambda m, y: m.fc(y.permute(2, 0, 1).flatten(0, 1)),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("fixed", [False, True])
def test_the_layout_does_not_matter(name, batch, fixed):
    """A convolution over 4 or 5 places and a linear layer at each; 4 images are as many as places in one case."""
    for places in (4, 5):

        def forward(m, x, places=places):
            y = m.conv(x)
            return LAYOUTS[name](m, y.reshape(batch, 8, places) if fixed else y)

        network = traced(forward, batch, 3, places, conv=nn.Conv1d(3, 8, 3, padding=1), fc=nn.Linear(8, 4))
        assert network.fixed_batch == (batch if fixed else None)
        assert macs(network) == {"conv": 3 * 8 * 3 * places, "fc": 8 * 4 * places}
        assert sum(elements(network).values()) == places * (3 + 8 * (len(network.spec.tensors) - 2) + 4)
        assert not any("cannot be told" in note for note in network.notes)


def test_frames_in_the_batch_run_a_layer_for_each():
    def forward(m, x):
        return m.conv(x.reshape(2 * 5, 3, 4, 4)).reshape(2, 5, -1).mean(1)

    network = traced(forward, 2, 5, 3, 4, 4, conv=nn.Conv2d(3, 8, 1))
    assert (network.fixed_batch, network.spec.layers[0].calls) == (2, 5)
    assert macs(network) == {"conv": 5 * 3 * 8 * 16}


def test_a_fixed_batch_next_to_a_tensor_of_forwards_own():
    def forward(m, x):
        grid = torch.arange(4.0).reshape(4, 1)  # as many places as images
        return m.conv(x).reshape(4, 8) + m.fc(grid).sum(0)

    network = traced(forward, 4, 3, 1, 1, conv=nn.Conv2d(3, 8, 1), fc=nn.Linear(1, 8))
    assert macs(network) == {"conv": 24, "fc": 4 * 8}


def test_numbers_without_nan_follow_what_they_are_made_of():
    """Comparisons and integers cannot carry NaN."""

    def forward(m, x):
        y = m.conv(x).reshape(4, 8)
        mask = (y > 0).to(torch.float32)
        return m.fc(mask * y)

    network = traced(forward, 4, 3, 1, 1, conv=nn.Conv2d(3, 8, 1), fc=nn.Linear(8, 5))
    assert macs(network) == {"conv": 24, "fc": 40}
    assert elements(network)["gt"] == 8


def test_what_cannot_be_told_is_named():
    """All images reach all values: which of two dimensions of 4 is the batch?"""

    def forward(m, x):
        y = m.fc(x.reshape(4, 4))
        return y @ y.transpose(0, 1)

    network = traced(forward, 4, 4, fc=nn.Linear(4, 4))
    (note,) = [note for note in network.notes if "cannot be told" in note]
    assert "matmul" in note
    assert "one image" in note
    module = Lambda(forward, fc=nn.Linear(4, 4))
    counted = ff.cost(module, "dense(weight_bits=8)", example_input=torch.zeros(4, 4))
    assert note in counted.notes
    assert list(counted.notes) == counted.to_json()["notes"]
    assert note[1:] in counted._repr_html_()


def test_an_input_of_another_first_size_has_no_batch():
    module = Lambda(
        lambda m, x, grid: m.conv(x).mean((2, 3)) + m.fc(grid).sum(0), conv=nn.Conv2d(3, 8, 1), fc=nn.Linear(2, 8)
    )
    network = trace(module, (torch.zeros(1, 3, 4, 4), torch.zeros(6, 2)), "grid")
    assert network.fixed_batch is None
    assert macs(network) == {"conv": 3 * 8 * 16, "fc": 6 * 2 * 8}
    assert elements(network)["inputs_1"] == 12


def test_a_size_that_values_decide_is_that_of_the_example():
    def forward(m, x):
        places = torch.ones(4, 4).triu().flatten().nonzero().flatten()
        return m.fc(m.conv(x).flatten(1)[:, places])

    network = traced(forward, 1, 3, 4, 4, conv=nn.Conv2d(3, 1, 1), fc=nn.Linear(10, 2))
    assert macs(network) == {"conv": 3 * 16, "fc": 20}
    assert network.spec.tensors[-2].elements == 10


def test_a_size_that_the_images_decide_is_that_of_the_example_and_said():
    def forward(m, x):
        found = (x.flatten(1).sum(0) >= 0).nonzero().flatten()
        return m.conv(x).flatten(2)[:, :, found]

    network = traced(forward, 1, 1, 4, 4, conv=nn.Conv2d(1, 2, 1))
    assert network.spec.tensors[-1].elements == 2 * 16
    (note,) = [note for note in network.notes if "depend on values" in note]
    assert "index" in note


def test_frames_of_a_batch_that_is_free():
    network = traced(lambda m, x: m.conv(x.flatten(0, 1)), 1, 5, 3, 4, 4, conv=nn.Conv2d(3, 8, 1))
    assert network.spec.layers[0].calls == 5
    windows = traced(
        lambda m, x: m.fc(functional.unfold(x, 2, stride=2).transpose(1, 2)), 1, 3, 4, 4, fc=nn.Linear(12, 4)
    )
    assert macs(windows) == {"fc": 4 * 12 * 4}
