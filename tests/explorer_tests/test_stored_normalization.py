"""The normalization of pixels goes with the packed file, and is applied to other images."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from costmodels import Dense
from explorer.cli import main
from explorer.data import load_data
from explorer.deployment.packed import load, packed_content, read_packed
from explorer.deployment.packed.network import pack_network
from explorer.forms.fitting import fit
from explorer.networks.trace import trace
from explorer.system.errors import PackedFileError

GIVEN = ((0.5, 0.25, 0.0), (0.5, 0.25, 1.0))


def packed(path, normalization, channels=3):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(channels, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    traced = trace(module, torch.zeros(1, channels, 6, 6), "net")
    layers = {layer.name: fit(traced.weights[layer.name], layer.shape, Dense(8)) for layer in traced.spec.layers}
    path.write_bytes(packed_content(pack_network(traced, layers), traced.spec, "d", normalization))
    return path


def images(root, level):
    """Two classes, one image of each brighter than the other; all of them about one level."""
    for name, more in (("dark", 0), ("light", 20)):
        (root / "train" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.full((6, 6, 3), level + more + number, np.uint8)
            Image.fromarray(pixels).save(root / "train" / name / f"{number:02}.png")
    return root


def test_bytes_are_pixels(tmp_path):
    network = load(packed(tmp_path / "n.safetensors", GIVEN))
    pixels = torch.randint(0, 256, (2, 3, 6, 6), dtype=torch.uint8)
    mean, deviation = (torch.tensor(part)[:, None, None] for part in GIVEN)
    assert network.normalization == GIVEN
    assert torch.allclose(network(pixels), network((pixels / 255 - mean) / deviation), atol=1e-5)


def test_files_without_one_have_none(tmp_path):
    file = read_packed(packed(tmp_path / "n.safetensors", None))
    assert (file.normalization, file.network().normalization) == (None, None)


@pytest.mark.parametrize("normalization", [((0.5,), (0.5,)), (GIVEN[0], GIVEN[0]), (GIVEN[0], GIVEN[1][:2])])
def test_one_that_cannot_be_is_refused(tmp_path, normalization):
    """Of other channels, a deviation of 0, one too few."""
    file = read_packed(packed(tmp_path / "n.safetensors", normalization))
    with pytest.raises(PackedFileError, match="a normalization has a mean and a deviation above 0 for each channel"):
        file.network()


@pytest.mark.parametrize("said", ["", "?normalization=signed"])
def test_run_normalizes_other_images_by_it_unless_told(tmp_path, capsys, said):
    """Of other images by their own statistics the answers would be others."""
    data = load_data(f"images:{images(tmp_path / 'seen', 40)}")
    path = packed(tmp_path / "n.safetensors", data.normalization)
    text = f"images:{images(tmp_path / 'other', 180)}{said}"
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["run", str(path), "--data", text, "--part", "train", "--json"])
    accuracy = json.loads(capsys.readouterr().out)["measured"]["accuracy"]
    network, chosen = load(path), load_data(text, normalization=data.normalization).train
    assert accuracy == float((network(chosen.inputs).argmax(1) == chosen.labels).float().mean())
    (value,) = (chosen.inputs[:1, 0, 0, 0] * (1 if said else data.normalization[1][0])).tolist()
    shift = -1 if said else -data.normalization[0][0]
    assert round(255 * (value - shift) / (2 if said else 1)) in range(180, 213)
