"""From 8-bit pixels to a network's inputs, and parts that hold every class in its share.

Legend: N images, C channels, H x W pixels.
"""

from collections.abc import Sequence

import numpy as np

from explorer.system.errors import DataError

__all__ = ["Normalization", "channel_statistics", "normalised", "split_off"]

Normalization = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and deviation of the channels, of pixels from 0 to 1."""


def channel_statistics(pixels: np.ndarray) -> Normalization:
    """Mean and standard deviation of each channel of (N, C, H, W) uint8, in units of the whole range 0..255.

    Sums are exact integers, so the result does not depend on their order. A channel without contrast has deviation 1.
    """
    count = pixels.size // pixels.shape[1]
    levels = np.arange(256, dtype=np.int64)
    means, deviations = [], []
    for channel in np.moveaxis(pixels, 1, 0):
        histogram = np.bincount(channel.ravel(), minlength=256)
        total, squares = int(histogram @ levels), int(histogram @ levels**2)
        means.append(total / count / 255)
        deviations.append((count * squares - total**2) ** 0.5 / count / 255 or 1.0)
    return tuple(means), tuple(deviations)


def normalised(pixels: np.ndarray, mean: Sequence[float] | np.ndarray, std: Sequence[float] | np.ndarray) -> np.ndarray:
    """(N, C, H, W) uint8 -> float32: (pixel / 255 - mean) / std, with mean and std (C,) of each channel."""
    scale = (1 / (255 * np.asarray(std))).astype(np.float32)[:, None, None]
    offset = (np.asarray(mean) / np.asarray(std)).astype(np.float32)[:, None, None]
    inputs: np.ndarray = pixels.astype(np.float32)
    inputs *= scale
    inputs -= offset
    return inputs


def split_off(labels: np.ndarray, chosen: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``chosen`` indices into ``labels`` (N,) in two: the rest, and ``count`` of them, each class in its share in both.

    Raises:
        DataError: a class has too few images for both.
    """
    from sklearn.model_selection import train_test_split

    try:
        rest, held = train_test_split(chosen, test_size=count, stratify=labels[chosen], random_state=seed)
    except ValueError as error:
        least = int(np.bincount(labels[chosen]).min())
        rule = f"{count:,} images can be set aside, some of every class"
        value = f"{len(chosen):,} images, the rarest class with {least}"
        raise DataError(rule, value, "give more images, or parts of your own") from error
    return rest, held
