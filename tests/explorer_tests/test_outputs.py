"""Outputs that look like probabilities are warned about, and no others."""

import pytest
import torch
from torch import nn

import filterfront as ff
from explorer.networks.outputs import probability_note
from explorer.networks.trace import trace
from explorer.system.errors import DataError
from reports.key_facts import cautions

IMAGES = torch.rand(20, 1, 4, 4, generator=torch.Generator().manual_seed(0))


class Own(nn.Module):
    """A softmax that no operation of torch is."""

    def forward(self, x):
        powers = x.exp()
        return powers / powers.sum(1, keepdim=True)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 3)

    def forward(self, x):
        logits = self.fc(x.flatten(1))
        return logits, logits.softmax(1)


def traced(*ends):
    torch.manual_seed(0)
    return trace(nn.Sequential(nn.Flatten(), nn.Linear(16, 3), *ends), IMAGES[:1], "net")


@pytest.mark.parametrize("end", [nn.Softmax(1), Own()])
@pytest.mark.parametrize("images", [1, 20])
def test_probabilities_are_said(end, images):
    note = probability_note(traced(end), IMAGES[:images])
    assert "look like probabilities" in note
    assert "softmax" in note


@pytest.mark.parametrize(
    "ends", [(), (nn.LogSoftmax(1),), (nn.Sigmoid(),), (nn.Softmax(1), nn.Linear(3, 2)), (nn.ReLU(),)]
)
def test_other_outputs_are_not(ends):
    assert probability_note(traced(*ends), IMAGES) is None


def test_one_value_an_image_and_several_outputs_say_nothing():
    assert probability_note(traced(nn.Linear(3, 1), nn.Softmax(1)), IMAGES) is None
    assert probability_note(trace(Two(), IMAGES[:1], "two"), IMAGES) is None


def test_a_search_says_it_and_refuses_data_that_the_network_cannot_take(tmp_path, capsys):
    labels = torch.arange(20) % 3
    pairs = {"network": nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.Softmax(1)), "example_input": IMAGES[:1]}
    wanted = {"trials": 1, "sampler": "random", "gap": False, "out": tmp_path / "run"}
    run = ff.search(**pairs, data={"train": (IMAGES, labels), "validation": (IMAGES, labels)}, **wanted)
    assert any(line.startswith("The outputs look like probabilities") for line in cautions(run.record))
    large, wanted["out"] = torch.rand(20, 1, 5, 5), tmp_path / "large"
    with pytest.raises(DataError, match=r"shape \(1, 1, 5, 5\): .*; the network takes the inputs of"):
        ff.search(**pairs, data={"train": (large, labels), "validation": (large, labels)}, **wanted)


def test_a_batch_that_is_fixed_is_filled():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(16, 3)

        def forward(self, x):
            return self.fc(x.reshape(4, 16)).softmax(1)

    network = trace(Fixed(), IMAGES[:4], "fixed")
    assert probability_note(network, IMAGES[:2]) is not None
