"""What is measured so far, as gains count: losses on the scales of `searches.guided.gain_scale`."""

import numpy as np

from searches.dominance import lower_front
from searches.guided.gain import Front
from searches.guided.gain_scale import GainScale, known_scale
from searches.guided.history import History
from searches.guided.problem_tables import ProblemTables

__all__ = ["efficient", "finite_losses", "known_objectives", "measured_front"]


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
