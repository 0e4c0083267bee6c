"""Unlabelled images for calibration where a network's own data are not at hand: crops of scikit-learn's two sample
photographs. ``benchmarks/photographs.py:pixels32`` is what ``--data`` of benchmarks/forms.py takes.

Labels are zeros and ones in turn: nothing that these data are for reads them.
"""

import numpy as np
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor
from torch.nn import functional

CROPS = {"train": 400, "validation": 20}


def _crops(size: int, greatest: float) -> dict[str, tuple[Tensor, Tensor]]:
    """Square crops of random size and place, half of them mirrored, scaled to ``size`` pixels of 0 to ``greatest``."""
    generator = np.random.default_rng(0)
    photographs = [torch.tensor(image).permute(2, 0, 1).float() / 255 for image in load_sample_images().images]
    parts = {}
    for part, count in CROPS.items():
        images = []
        for number in range(count):
            photograph = photographs[number % len(photographs)]
            height, width = photograph.shape[1:]
            side = int(generator.integers(size, height + 1))
            top, left = generator.integers(height - side + 1), generator.integers(width - side + 1)
            crop = photograph[None, :, top : top + side, left : left + side]
            small = functional.interpolate(crop, size=(size, size), mode="bilinear", antialias=True)[0]
            images.append(small.flip(2) if generator.random() < 0.5 else small)
        parts[part] = greatest * torch.stack(images), torch.arange(count) % 2
    return parts


def pixels32() -> dict[str, tuple[Tensor, Tensor]]:
    """Of 32 x 32 pixels of 0 to 255."""
    return _crops(32, 255.0)


def pixels96() -> dict[str, tuple[Tensor, Tensor]]:
    """Of 96 x 96 pixels of 0 to 1."""
    return _crops(96, 1.0)
