"""Which design is trained next: the one whose training is expected to add most to the front of all that is known.

What training makes of a design is a non-decreasing function of what was seen of it before, learned from the designs
that were trained; costs do not change by training. The first few may be spread over the front of what was seen before.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from searches.dominance import dominated
from searches.guided.gain import Front, expected_gain
from searches.guided.gain_scale import GainScale, loss_scale
from searches.guided.monotone import Monotone

__all__ = ["START", "Pool", "promoted"]

START = 6
"""Designs that are spread, where nothing is known of what training does."""

LEAST_TRAINED = 4
"""Designs from which it is learned. Before, half of what is lost is thought to be won back by those next to the best,
and nothing by the worst."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Designs that may be trained.

    Args:
        known: figures that are known and do not change, all to be small and positive or zero, shape (designs, 0 to 2).
        seen: what tells most of the loss after training, the greater the worse, shape (designs,).
        losses: without this training, shape (designs,).
        trained: losses after it, shape (designs,), NaN where it is not done.
        pending: which are being trained, booleans of shape (designs,).
        least: the least loss that there can be.
        start: designs that are spread over the front before any is chosen by what it gains.
    """

    known: np.ndarray
    seen: np.ndarray
    losses: np.ndarray
    trained: np.ndarray
    pending: np.ndarray
    least: float = -np.inf
    start: int = START

    @property
    def is_trained(self) -> np.ndarray:
        """Booleans of shape (designs,)."""
        return np.asarray(np.isfinite(self.trained))

    @property
    def is_begun(self) -> np.ndarray:
        """Booleans of shape (designs,)."""
        return np.asarray(self.pending | self.is_trained)

    @property
    def logs(self) -> np.ndarray:
        """Logarithms of the known figures, shape (designs, 0 to 2): equal ratios count alike at every size."""
        least = np.where(self.known > 0, self.known, np.inf).min(axis=0, initial=np.inf)
        return np.asarray(np.log(np.maximum(self.known, np.where(np.isfinite(least), least, 1.0))))


def promoted(pool: Pool) -> int | None:
    """The index of the design to be trained next; None where all are.

    Args:
        pool: what there is.
    """
    if pool.is_begun.all():
        return None
    if pool.is_begun.sum() < pool.start:
        return _from_start(pool)
    return _by_gain(pool)


def _from_start(pool: Pool) -> int:
    """The design of the front that is farthest from all that are begun, in the known figures; the best one first."""
    front = ~dominated(np.column_stack([pool.logs, pool.losses]))
    free = np.flatnonzero(front & ~pool.is_begun)
    if not len(free):
        free = np.flatnonzero(~pool.is_begun)
    begun = np.flatnonzero(pool.is_begun)
    if not len(begun) or not pool.logs.shape[1]:
        return int(free[np.argmin(pool.seen[free])])
    gaps = np.abs(pool.logs[free][:, None] - pool.logs[begun][None]).sum(axis=2).min(axis=1)
    return int(free[np.argmax(gaps)])


def _by_gain(pool: Pool) -> int:
    """The design of largest expected gain in hypervolume; of equal ones that whose loss is expected to fall most."""
    trained, learned = pool.is_trained, _learned(pool)
    expected = np.minimum(learned.at(pool.seen), pool.losses)
    now = np.where(trained, np.fmin(pool.trained, pool.losses), np.where(pool.pending, expected, pool.losses))
    scale = loss_scale(now, float(learned.spread(pool.seen.min(keepdims=True))[0]))
    free = np.flatnonzero(~pool.is_begun)
    logs = pool.logs
    best = ~dominated(np.column_stack([logs, now]))
    front = Front(logs[best], scale.to(now[best]), logs.max(axis=0, initial=-np.inf), float(scale.to(now.max())))
    deviation = np.zeros(len(free))
    outcomes = _Outcomes(learned, scale, pool.losses[free], pool.least)
    gains = expected_gain(front, logs[free], pool.seen[free], deviation, outcomes)
    return int(free[np.lexsort((expected[free] - pool.losses[free], -gains))[0]])


def _learned(pool: Pool) -> Monotone:
    """The loss after training, of what is seen before."""
    trained = pool.is_trained
    if trained.sum() >= LEAST_TRAINED:
        return Monotone.of(pool.seen[trained], pool.trained[trained])
    lost = pool.losses - pool.losses.min()
    return Monotone.of(pool.seen, pool.losses.min() + lost * (1 + lost / (lost.max() or 1.0)) / 2)


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """Losses after training as gains count, none greater than without it or less than there can be."""

    learned: Monotone
    scale: GainScale
    losses: np.ndarray
    least: float

    def __call__(self, seen: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        for probability, found in self.learned.outcomes(seen):
            yield probability, self.scale.to(np.clip(found, self.least, self.losses))
