"""The objectives of a search, as plain data: the figure of a design that each one reads."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from searches.errors import SearchError
from searches.figures import (
    AGREEMENT,
    DISTORTION,
    DIVERGENCE,
    ENERGY,
    FIGURES,
    FLASH,
    LATENCY,
    METRIC,
    NOISE,
    SRAM,
    STORAGE,
)

__all__ = ["MOST_OBJECTIVES", "OBJECTIVES", "Objective", "find_objectives"]

MOST_OBJECTIVES = 3
"""Of a search whose fronts are proven or guided by proven ones."""


@dataclass(frozen=True)
class Objective:
    """What a search makes small or large.

    Args:
        name: how it is written on the command line.
        column: the figure it reads, of `searches.figures.FIGURES`.
        direction: ``minimize`` or ``maximize``.
        needs: what must be given: ``images``, with ``labels`` or without, a ``metric`` of the user's, or nothing.
        best: the best value that there can be; None where there is no such.
        source: of a user's own, where its function is; "" of the others.
    """

    name: str
    column: str
    direction: Literal["minimize", "maximize"] = "minimize"
    needs: Literal["", "images", "labels", "metric"] = ""
    best: float | None = None
    source: str = ""

    @property
    def needs_data(self) -> bool:
        """Whether it is measured on data."""
        return self.needs != ""

    @property
    def unit(self) -> str:
        """Of the figure, in words; of a user's own, where its function is."""
        return self.source or FIGURES[self.column].unit


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("accuracy", "accuracy", "maximize", needs="labels", best=1.0),
        Objective("loss", "loss", needs="labels", best=0.0),
        Objective("agreement", AGREEMENT, "maximize", needs="images", best=1.0),
        Objective("divergence", DIVERGENCE, needs="images", best=0.0),
        Objective("metric", METRIC, "maximize", needs="metric"),
        Objective("distortion", DISTORTION),
        Objective("noise", NOISE),
        Objective("storage", STORAGE),
        Objective("flash", FLASH),
        Objective("sram", SRAM),
        Objective("macs", "macs"),
        Objective("additions", "additions"),
        Objective("bit-ops", "bit_ops"),
        Objective("traffic", "traffic_bytes"),
        Objective("latency", LATENCY),
        Objective("energy", ENERGY),
    )
}


def find_objectives(
    names: Sequence[str],
    has_data: bool,
    has_labels: bool = True,
    metric: Literal["", "minimize", "maximize"] = "",
    own: Sequence[Objective] = (),
) -> tuple[Objective, ...]:
    """The objectives of these names, in this order.

    Args:
        names: as on the command line.
        has_data: whether there are data.
        has_labels: whether those have labels.
        metric: whether the user's metric is to be small or large; "" where there is none.
        own: the user's own.

    Raises:
        SearchError: a name is unknown or repeated, or an objective needs data or labels and there are none.
    """
    found: list[Objective] = []
    known = OBJECTIVES | {item.name: item for item in own}
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"choose of {', '.join(known)}"
            raise SearchError("an objective has a known name", name, remedy)
        if name in {item.name for item in found}:
            raise SearchError("an objective is given once", name, "remove one")
        _check_needs(known[name], has_data, has_data and has_labels, bool(metric))
        item = known[name]
        found.append(replace(item, direction=metric) if metric and name == "metric" else item)
    if not found:
        raise SearchError("a search has at least one objective", "none", f"choose of {', '.join(OBJECTIVES)}")
    return tuple(found)


def _check_needs(objective: Objective, has_data: bool, has_labels: bool, has_metric: bool) -> None:
    if objective.needs == "metric" and not has_metric:
        rule = "the objective metric is a function of the user's own"
        raise SearchError(rule, "metric without one", "give --metric file.py:callable, or choose another objective")
    if objective.needs == "labels" and not has_labels:
        what = "on data without labels" if has_data else "without data"
        other = "choose agreement" if has_data else "give --data, or choose distortion"
        remedy = f"{other} in its place"
        raise SearchError("accuracy and loss are measured on labelled data", f"{objective.name} {what}", remedy)
    if objective.needs == "images" and not has_data:
        remedy = "give --data, or choose noise in its place"
        raise SearchError("agreement and divergence are measured on images", f"{objective.name} without data", remedy)
