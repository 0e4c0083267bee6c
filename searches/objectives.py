"""The objectives of a search, as plain data: the column of a design's figures that each one reads."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from searches.errors import SearchError

__all__ = ["LATENCY", "NOISE", "OBJECTIVES", "Objective", "find_objectives"]

LATENCY = "latency_ms"
"""The figure of a design's time for one image, in ms; a design has it where it is searched for or limited."""

NOISE = "noise"
"""The figure of a design's output noise, summed over the layers; a design has it where it is searched for."""


@dataclass(frozen=True)
class Objective:
    """What a search makes small or large.

    Args:
        name: how it is written on the command line.
        column: the figure it reads.
        direction: ``minimize`` or ``maximize``.
        unit: of the figure.
        needs_data: whether labelled data must be given.
        best: the best value that there can be; None where there is no such.
    """

    name: str
    column: str
    direction: str
    unit: str
    needs_data: bool = False
    best: float | None = None


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("accuracy", "accuracy", "maximize", "share of validation images", needs_data=True, best=1.0),
        Objective("loss", "loss", "minimize", "mean cross-entropy in nats", needs_data=True, best=0.0),
        Objective("distortion", "distortion", "minimize", "relative squared error of the weights"),
        Objective("noise", NOISE, "minimize", "sum over the layers of noise over signal at their outputs"),
        Objective("storage", "storage_bytes", "minimize", "bytes"),
        Objective("flash", "flash_bytes", "minimize", "bytes"),
        Objective("sram", "sram_bytes", "minimize", "bytes"),
        Objective("macs", "macs", "minimize", "MAC"),
        Objective("additions", "additions", "minimize", "additions"),
        Objective("bit-ops", "bit_ops", "minimize", "bit operations"),
        Objective("traffic", "traffic_bytes", "minimize", "bytes"),
        Objective("latency", LATENCY, "minimize", "ms"),
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
