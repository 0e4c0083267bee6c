"""What the model of a guided search is fitted to: a number for each measured design, and the loss that it stands for.

Without a surrogate the number is the measured loss on the scale of `searches.guided.loss_scale`. With one it is the
surrogate's logarithm: an accuracy on a few hundred images moves in steps and by luck, where the divergence of the
answers does not. The loss that a surrogate stands for is the non-decreasing function of least squared error to what was
measured.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from searches.guided.history import History
from searches.guided.loss_scale import LossScale
from searches.guided.monotone import Monotone

__all__ = ["Observed", "observed", "surrogate_logs"]

FLOOR = 1e-3
"""Added to surrogates before their logarithm is taken: below it differences do not matter."""


@dataclass(frozen=True, eq=False)
class Observed:
    """The measured designs as a model sees them.

    Args:
        z: of each design, shape (measured,).
        weights: of each design, shape (measured,).
        back: losses of any z.
        around: the losses measured around that; None where z is of the loss itself.
    """

    z: np.ndarray
    weights: np.ndarray
    back: Callable[[np.ndarray], np.ndarray]
    around: Monotone | None = None


def observed(history: History, losses: np.ndarray) -> Observed:
    """What a history holds.

    Args:
        history: of the study.
        losses: of its designs in the measured objective, finite, shape (measured,).
    """
    if history.surrogates is None:
        scale = LossScale.of(losses)
        return Observed(scale.to(losses), scale.weights(losses), scale.back)
    z = surrogate_logs(history.surrogates)
    found = Monotone.of(z, losses)
    return Observed(z, np.where(np.isfinite(history.surrogates), 1.0, 0.5), found.at, found)


def surrogate_logs(surrogates: np.ndarray) -> np.ndarray:
    """Logarithms of surrogates, of which some are finite; those that are not count as the greatest."""
    known = np.isfinite(surrogates)
    filled = np.where(known, surrogates, surrogates[known].max())
    return np.asarray(np.log(np.maximum(filled, 0) + FLOOR))
