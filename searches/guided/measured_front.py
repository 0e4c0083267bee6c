"""What is measured so far, as gains count: losses on the scales of `searches.guided.gain_scale`."""

import numpy as np

from searches.dominance import lower_front
from searches.guided.gain import Front
from searches.guided.gain_scale import GainScale, known_scale
from searches.guided.history import History
from searches.guided.problem_tables import ProblemTables

__all__ = ["crowds", "efficient", "finite_losses", "known_objectives", "measured_front"]


NEAR = 0.05
"""Difference in the known objectives, as gains count, at which a design is somewhat near (e^-0.5)."""


def efficient(history: History) -> np.ndarray:
    """Indices of the measured designs that are feasible and not dominated."""
    index = np.flatnonzero(history.feasible & np.isfinite(history.losses).all(axis=1))
    losses = history.losses[index]
    if losses.shape[1] == 2:
        return np.asarray(index[lower_front(losses[:, 0], losses[:, 1])])
    no_worse = (losses[:, None] <= losses[None]).all(axis=2)
    better = no_worse & ~no_worse.T
    return np.asarray(index[~better.any(axis=0)])


def finite_losses(history: History, place: int) -> np.ndarray:
    """An objective as it was measured; infinite losses count as the worst finite one."""
    losses = history.losses[:, place]
    finite = np.isfinite(losses)
    return np.where(finite, losses, losses[finite].max())


def known_objectives(tables: ProblemTables, designs: np.ndarray, uncertain: int) -> np.ndarray:
    """The objectives of designs but the uncertain one as gains count, shape (designs, objectives - 1)."""
    names = [str(name) for place, name in enumerate(tables.objectives) if place != uncertain]
    if not names:
        return np.empty((len(designs), 0))
    return np.stack([known_scale(tables, name).to(tables.figure(name, designs)) for name in names], axis=1)


def crowds(tables: ProblemTables, begun: np.ndarray, known: np.ndarray, uncertain: int) -> np.ndarray:
    """How many designs are near each place in the known objectives.

    What may be gained there by luck they have not gained: without minding them the same wide step of a front, where
    accuracies differ by chance alone, would be tried for ever.

    Args:
        tables: the variables.
        begun: designs that are measured, or being measured, shape (begun, variables).
        known: the places, as `known_objectives` gives them, shape (places, objectives - 1).
        uncertain: the place of the objective that is not known beforehand.

    Returns:
        float64 of shape (places,).
    """
    squares = np.square((known[:, None] - known_objectives(tables, begun, uncertain)[None]) / NEAR).sum(axis=2)
    return np.asarray(np.exp(-squares / 2).sum(axis=1))


def measured_front(
    tables: ProblemTables,
    history: History,
    uncertain: int,
    scale: GainScale,
    pending: np.ndarray,
    believed: np.ndarray,
) -> Front:
    """The front of what is measured and feasible, and of what is pending as it is believed to turn out.

    The reference is the cap of a known objective or the greatest value a design can have, and of the measured one the
    worst that was measured.

    Args:
        tables: the variables.
        history: what is measured.
        uncertain: the place of the objective that is not known beforehand, or is taken so.
        scale: of that objective.
        pending: designs, shape (pending, variables).
        believed: their losses in that objective, shape (pending,).
    """
    best, bounds = efficient(history), list[float]()
    measured = np.empty((len(best), len(tables.objectives) - 1))
    for place, name in enumerate(tables.objectives):
        if place != uncertain and name is not None:
            own = known_scale(tables, name)
            measured[:, len(bounds)] = own.to(history.losses[best, place])
            bounds.append(float(own.to(tables.greatest(name))))
    name = tables.objectives[uncertain]
    worst = float(finite_losses(history, uncertain).max()) if name is None else tables.greatest(name)
    heights = scale.to(np.concatenate([history.losses[best, uncertain], believed]))
    known = np.concatenate([measured, known_objectives(tables, pending, uncertain)])
    return Front(known, heights, np.array(bounds), float(scale.to(worst)))
