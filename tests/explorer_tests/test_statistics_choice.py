"""Batch statistics are re-estimated where the float network bears it."""

import numpy as np
import pytest
import torch
from torch import nn

import filterfront as ff

SIDE = 6


def network() -> nn.Module:
    """Tells from the mean of an image which of three classes it is; its normalization knows images of all of them."""
    torch.manual_seed(0)
    first, norm, last = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4, eps=1e-12), nn.Linear(4, 3)
    nn.init.constant_(first.weight, 1 / 9)
    nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.weight[0, 0], last.weight[2, 0] = -1.0, 1.0
        last.bias.copy_(torch.tensor([-0.2, 0.0, -0.2]))
    return nn.Sequential(first, norm, nn.AdaptiveAvgPool2d(1), nn.Flatten(), last).eval()


def images(levels: list[float], count: int) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.01, (count, 1, SIDE, SIDE))
    return (np.resize(levels, count)[:, None, None, None] + noise).astype(np.float32)


def searched(tmp_path, training: list[float], **options):
    wanted = images([-1.0, 0.0, 1.0], 60)
    labels = np.resize([0, 1, 2], 60)
    train = images(training, 60)
    data = {"train": (train, np.resize([0, 1, 2], 60)), "validation": (wanted, labels)}
    given = {
        "objectives": ["accuracy", "storage"],
        "trials": 2,
        "sampler": "random",
        "gap": False,
        "activation_bits": 32,
    }
    module, example = network(), torch.zeros(1, 1, SIDE, SIDE)
    return ff.search(module, example_input=example, data=data, out=tmp_path / "run", **given | options)


@pytest.mark.parametrize(
    ("training", "options", "reestimates"),
    [
        ([-1.0, 0.0, 1.0], {}, True),
        ([5.0], {}, False),  # every image alike: their mean is 5, and their spread next to nothing
        ([5.0], {"batch_statistics": True}, True),
    ],
)
def test_designs_keep_the_networks_own_where_it_loses_its_answers_by_others(tmp_path, training, options, reestimates):
    run = searched(tmp_path, training, **options)
    data = run.record.info.data
    assert (data.batch_statistics_images > 0) == reestimates
    notes = [note for note in data.notes if note.startswith("Batch statistics are the float network's own")]
    assert bool(notes) == (not reestimates)
    if notes:
        assert "they leave that network an accuracy of 33.33% (100.00% with its own)" in notes[0]
