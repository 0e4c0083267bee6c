"""Images without anything on them: their moments are rounding alone, and a search goes on nevertheless."""

import numpy as np
import pytest
import torch
from torch import nn

import filterfront as ff


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    ).eval()  # fmt: skip


@pytest.mark.parametrize("value", [1e-42, 0.3, 1e4])
def test_a_search_on_images_that_are_all_alike_ends_with_a_front(value, tmp_path):
    images, labels = np.full((60, 1, 6, 6), value, np.float32), np.arange(60) % 3
    parts = {"train": (images, labels), "validation": (images[:30], labels[:30])}
    wanted = {"data": parts, "trials": 4, "schemes": "dense,pruned,ternary", "out": tmp_path / "run"}
    run = ff.search(network(), example_input=torch.zeros(1, 1, 6, 6), **wanted)
    assert run.record.info.status == "done"
    # One answer for all images is right for one in three.
    assert run.front.accuracy.round(6).unique().tolist() == [round(1 / 3, 6)]
    assert np.isfinite(run.trials.distortion.to_numpy(float)).all()
