"""What the model of a guided search is fitted to: a number for each measured design, and the loss that it stands for.

Without a surrogate the number is the measured loss on the scale of `searches.guided.loss_scale`. With one it is the
surrogate's logarithm: an accuracy on a few hundred images moves in steps and by luck, where the divergence of the
answers does not. The loss that a surrogate stands for is the non-decreasing function of least squared error to what was
measured [busing2022monotone], interpolated in between.

References:
    [busing2022monotone] F. M. T. A. Busing. Monotone regression: a simple and fast O(n) PAVA implementation. Journal of
        Statistical Software, Code Snippets 102(1), 2022.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from searches.guided.history import History
from searches.guided.loss_scale import LossScale

__all__ = ["Observed", "observed"]

FLOOR = 1e-3
"""Added to surrogates before their logarithm is taken: below it differences do not matter."""


NEIGHBOURS = 7
"""On either side, from which it is seen how far measured losses lie from what their surrogates stand for."""


@dataclass(frozen=True, eq=False)
class Observed:
    """The measured designs as a model sees them.

    Args:
        z: of each design, shape (measured,).
        weights: of each design, shape (measured,).
        back: losses of any z.
        spread: standard deviation of the loss that is measured around that; None where z is of the loss itself.
    """

    z: np.ndarray
    weights: np.ndarray
    back: Callable[[np.ndarray], np.ndarray]
    spread: Callable[[np.ndarray], np.ndarray] | None = None


def observed(history: History, losses: np.ndarray) -> Observed:
    """What a history holds.

    Args:
        history: of the study.
        losses: of its designs in the measured objective, finite, shape (measured,).
    """
    if history.surrogates is None:
        scale = LossScale.of(losses)
        return Observed(scale.to(losses), scale.weights(losses), scale.back)
    known = np.isfinite(history.surrogates)
    filled = np.where(known, history.surrogates, history.surrogates[known].max())
    z = np.log(np.maximum(filled, 0) + FLOOR)
    order = np.argsort(z, kind="stable")
    places, heights = z[order], isotonic_regression(losses[order]).x
    around = np.sqrt(_local_mean(np.square(losses[order] - heights)))
    return Observed(
        z,
        np.where(known, 1.0, 0.5),
        lambda asked: np.interp(asked, places, heights),
        lambda asked: np.interp(asked, places, around),
    )


def _local_mean(values: np.ndarray) -> np.ndarray:
    """The mean of each value and its `NEIGHBOURS` on either side, as far as there are."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    first, last = np.maximum(place - NEIGHBOURS, 0), np.minimum(place + NEIGHBOURS + 1, len(values))
    means: np.ndarray = (sums[last] - sums[first]) / (last - first)
    return means
