"""The objectives of a search, as plain data: the figure of a design that each one reads."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from searches.errors import SearchError
from searches.figures import DISTORTION, FIGURES, FLASH, LATENCY, NOISE, SRAM, STORAGE

__all__ = ["OBJECTIVES", "Objective", "find_objectives"]


@dataclass(frozen=True)
class Objective:
    """What a search makes small or large.

    Args:
        name: how it is written on the command line.
        column: the figure it reads, of `searches.figures.FIGURES`.
        direction: ``minimize`` or ``maximize``.
        needs_data: whether labelled data must be given.
        best: the best value that there can be; None where there is no such.
    """

    name: str
    column: str
    direction: Literal["minimize", "maximize"] = "minimize"
    needs_data: bool = False
    best: float | None = None

    @property
    def unit(self) -> str:
        """Of the figure, in words."""
        return FIGURES[self.column].unit


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("accuracy", "accuracy", "maximize", needs_data=True, best=1.0),
        Objective("loss", "loss", needs_data=True, best=0.0),
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
    )
}


def find_objectives(names: Sequence[str], has_data: bool) -> tuple[Objective, ...]:
    """The objectives of these names, in this order.

    Raises:
        SearchError: a name is unknown or repeated, or an objective needs data and there are none.
    """
    found = []
    for name in names:
        if name not in OBJECTIVES:
            close = difflib.get_close_matches(name, OBJECTIVES, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"choose of {', '.join(OBJECTIVES)}"
            raise SearchError("an objective has a known name", name, remedy)
        if OBJECTIVES[name] in found:
            raise SearchError("an objective is given once", name, "remove one")
        if OBJECTIVES[name].needs_data and not has_data:
            remedy = "give --data, or choose distortion in its place"
            raise SearchError("accuracy and loss are measured on labelled data", f"{name} without data", remedy)
        found.append(OBJECTIVES[name])
    if not found:
        raise SearchError("a search has at least one objective", "none", f"choose of {', '.join(OBJECTIVES)}")
    return tuple(found)
