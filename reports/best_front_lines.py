"""The staircases of the best front and of the designs found compared with it, as places on a panel's axes."""

import math
from collections.abc import Iterable

import numpy as np

from reports.axes import Axis
from reports.best_front import pair_name
from reports.best_front_text import found_front
from reports.records import PairGap
from reports.run_record import RunRecord

__all__ = ["FINEST", "best_steps", "best_values", "find_pair", "found_steps"]

FINEST = 1 / 500
"""Share of an axis: points of a front nearer than this to the one before are not drawn."""

Steps = tuple[tuple[float, float], ...]


def find_pair(run: RunRecord, across: str, up: str) -> PairGap | None:
    """The gap of two columns, in this or the other order."""
    pairs = run.info.gap.pairs if run.info.gap else ()
    return next((pair for pair in pairs if {pair.first, pair.second} == {across, up}), None)


def best_values(run: RunRecord, pair: PairGap) -> dict[str, np.ndarray]:
    """The best front by column, by the first figure."""
    rows = run.exact[run.exact["pair"] == pair_name(pair.first, pair.second)].sort_values("first", kind="stable")
    return {pair.first: rows["first"].to_numpy(float), pair.second: rows["second"].to_numpy(float)}


def best_steps(run: RunRecord, pair: PairGap | None, x: Axis, y: Axis) -> Steps:
    """The staircase of the best front."""
    if pair is None:
        return ()
    best = best_values(run, pair)
    return _staircase(zip(best[x.column], best[y.column], strict=True), x, y)


def found_steps(run: RunRecord, pair: PairGap | None, x: Axis, y: Axis) -> Steps:
    """The staircase of the designs found that no other one found dominates in the pair."""
    if pair is None:
        return ()
    found = found_front(run, pair)
    values = {pair.first: found["first"], pair.second: found["second"]}
    return _staircase(zip(values[x.column], values[y.column], strict=True), x, y)


def _staircase(points: Iterable[tuple[float, float]], x: Axis, y: Axis) -> Steps:
    """Steps through points that fall as they go on; a scale may have no place for some, and some are too near."""
    steps: list[tuple[float, float]] = []
    for across, up in sorted((float(one), float(two)) for one, two in points):
        place = x.position(across), y.position(up)
        if not all(map(math.isfinite, place)):
            continue
        if steps and max(abs(place[0] - steps[-1][0]), abs(place[1] - steps[-1][1])) < FINEST:
            continue
        steps += ([(place[0], steps[-1][1])] if steps else []) + [place]
    return tuple(steps)
