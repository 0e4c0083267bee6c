"""What a batch normalization does in inference: every channel times a factor, plus a shift."""

from collections.abc import Callable

import numpy as np
from torch.fx import Node

from explorer.networks.layer_nodes import NORMALIZATION_VALUES, arguments

__all__ = ["factors_and_shifts"]


def factors_and_shifts(
    node: Node, read: Callable[[Node], np.ndarray], before: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The factors and the shifts of a batch normalization.

    Args:
        node: of it.
        read: gives the float64 values of a node that it reads in addition to its input.
        before: what is added to each channel before it, (n,).

    Returns:
        (n,) float64 each.
    """
    given = arguments(node)
    mean, variance = (read(given[name]) for name in NORMALIZATION_VALUES[:2])
    factors = 1 / np.sqrt(variance + given["eps"])
    if given["weight"] is not None:
        factors = factors * read(given["weight"])
    shifts = (before - mean) * factors
    if given["bias"] is not None:
        shifts = shifts + read(given["bias"])
    return factors, shifts
