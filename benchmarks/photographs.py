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
LARGE_CROPS = {"train": 256, "validation": 64}


def _crops(size: int, greatest: float, counts: dict[str, int] = CROPS) -> dict[str, tuple[Tensor, Tensor]]:
    """Square crops of random size and place, half of them mirrored, scaled to ``size`` pixels of 0 to ``greatest``."""
    generator = np.random.default_rng(0)
    photographs = [torch.tensor(image).permute(2, 0, 1).float() / 255 for image in load_sample_images().images]
    parts = {}
    for part, count in counts.items():
        images = torch.empty(count, 3, size, size)
        for number in range(count):
            photograph = photographs[number % len(photographs)]
            height, width = photograph.shape[1:]
            side = int(generator.integers(size, height + 1))
            top, left = generator.integers(height - side + 1), generator.integers(width - side + 1)
            crop = photograph[None, :, top : top + side, left : left + side]
            small = functional.interpolate(crop, size=(size, size), mode="bilinear", antialias=True)[0]
            images[number] = small.flip(2) if generator.random() < 0.5 else small
        parts[part] = images.mul_(greatest), torch.arange(count) % 2
    return parts


def pixels32() -> dict[str, tuple[Tensor, Tensor]]:
    """Of 32 x 32 pixels of 0 to 255."""
    return _crops(32, 255.0)


def pixels96() -> dict[str, tuple[Tensor, Tensor]]:
    """Of 96 x 96 pixels of 0 to 1."""
    return _crops(96, 1.0)


def centred224() -> dict[str, Tensor]:
    """Of 224 x 224 pixels of -1 to 1, as EfficientNet-Lite takes them, without labels."""
    return {part: images.mul_(2).sub_(1) for part, (images, _) in _crops(224, 1.0, LARGE_CROPS).items()}


def imagenet224() -> dict[str, Tensor]:
    """Of 224 x 224 pixels, normalized as ImageNet's are, without labels."""
    mean, deviation = (
        torch.tensor(values).reshape(3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    return {part: images.sub_(mean).div_(deviation) for part, (images, _) in _crops(224, 1.0, LARGE_CROPS).items()}
