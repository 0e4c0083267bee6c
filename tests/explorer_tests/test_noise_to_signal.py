"""Noise-to-signal ratios against the network's own outputs, with data and without."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from explorer.measurement.noise_to_signal import NoiseToSignal, data_batches, random_batches
from explorer.networks.trace import trace
from searches.figures import NOISE


@pytest.fixture(scope="module")
def traced():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Conv2d(4, 4, (3, 1), stride=2, groups=2, bias=False),
        nn.Flatten(),
        nn.Linear(4 * 2 * 3, 3, bias=False),
    )
    return trace(network, torch.zeros(1, 2, 6, 6), "noise")


IMAGES = torch.randn(40, 2, 6, 6, generator=torch.Generator().manual_seed(1))


def outputs(weights, images):
    """What each layer puts out, before the next step."""
    first = nn.functional.conv2d(images, weights[0], padding=1)
    second = nn.functional.conv2d(torch.relu(first), weights[1], stride=2, groups=2)
    return first, second, second.flatten(1) @ weights[2].reshape(3, -1).T


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_it_is_the_power_of_the_error_over_that_of_the_output(traced, layer):
    """Of the layer alone, under the inputs that it has in the whole network."""
    spec = traced.spec.layers[layer]
    own = [torch.tensor(values) for values in traced.weights.values()]
    reconstructed = traced.weights[spec.name] * np.float32(0.9)
    reconstructed[0] = 0
    changed = [*own]
    changed[layer] = torch.tensor(reconstructed)
    before, after = outputs(own, IMAGES)[layer], outputs(changed, IMAGES)[layer]
    expected = float((after - before).double().square().sum() / before.double().square().sum())
    assert NoiseToSignal(traced, data_batches(traced, IMAGES)).of(spec.name, reconstructed) == pytest.approx(
        expected, rel=1e-5
    )


def test_the_weights_themselves_have_none_and_zeros_have_all(traced):
    noise = NoiseToSignal(traced, random_batches(traced, torch.zeros(1, 2, 6, 6), seed=0))
    for name, weights in traced.weights.items():
        assert noise.of(name, weights) == 0
        assert noise.of(name, np.zeros_like(weights)) == 1
        assert noise.of(name, weights / 2) == pytest.approx(1 / 4)  # half of every value is missing


def test_random_inputs_are_of_the_examples_shapes_and_a_seed_decides(traced):
    example = (torch.zeros(1, 3, 8, 8), torch.tensor([[5]]))
    one, again, other = (random_batches(traced, example, seed) for seed in (1, 1, 2))
    assert len(one) == 169  # 2^20 // (32 * (192 + 1))
    assert one[0][0].shape[1:] == (3, 8, 8)
    assert len(one[0][0]) == len(one[0][1])
    assert (one[0][1] == 5).all()  # indices are as in the example
    assert torch.equal(one[0][0], again[0][0])
    assert not torch.equal(one[0][0], other[0][0])
    assert abs(torch.cat([batch[0] for batch in one]).std() - 1) < 0.01


def test_large_images_come_few_at_a_time(traced):
    batches = random_batches(traced, torch.zeros(1, 3, 224, 224), seed=0)
    assert {len(batch[0]) for batch in batches} == {2}
    assert len(batches) == 3  # 2^20 // (2 * 150,528) = 3


def test_a_search_without_data_makes_it_small(run_filterfront, tmp_path):
    """Its front comes near the complete one, and a design's noise is the sum of what the report says of its layers."""
    script = tmp_path / "net.py"
    script.write_text(
        "import torch\n"
        "from torch import nn\n\n\n"
        "def build():\n"
        "    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3)), torch.zeros(1, 3, 12, 12)\n"
    )
    options = ("--network", "net.py:build", "--flash", "4KiB", "--schemes", "dense", "--trials", 12, "--out", "run")
    done = run_filterfront("search", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert info["configuration"]["objectives"] == [NOISE, "flash"]
    pair = info["gap"]["pairs"][0]
    assert (pair["first"], pair["second"], pair["origin"]) == ("flash_bytes", NOISE, "proven")
    assert 0.8 < pair["ratio"] <= 1
    assert "Best output noise within budget" in done.stdout
    front, layers = (
        pd.read_csv(tmp_path / "run" / name, dtype={"design": str}) for name in ("front.csv", "layers.csv")
    )
    sums = layers.groupby("design")[NOISE].sum()
    assert sums[front["design"]].to_numpy() == pytest.approx(front[NOISE].to_numpy(), rel=1e-12)
