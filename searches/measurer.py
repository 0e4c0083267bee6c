"""Measuring designs: in this process, one at a time, or in whatever else keeps the same few promises."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from searches.design import Design
from searches.problem import Figures

__all__ = ["InProcessMeasurer", "Measurement", "Measurer"]


@dataclass(frozen=True)
class Measurement:
    """What came of measuring a design.

    Args:
        number: of the trial that proposed it.
        seconds: that it took.
        figures: of the design; none where it could not be measured.
        reason: why it could not.
    """

    number: int
    seconds: float
    figures: Figures = field(default_factory=dict)
    reason: str = ""


class Measurer(Protocol):
    """Takes designs and gives back measurements in any order."""

    capacity: int
    """Designs that it measures at the same time."""

    def submit(self, number: int, design: Design) -> None:
        """Takes a design, of which there are at most ``capacity`` at a time."""

    def completed(self, seconds: float) -> list[Measurement]:
        """What has been measured since the last call; waits so long for it where there is nothing."""


class InProcessMeasurer:
    """Measures in the process that searches, when it is asked what is completed.

    Args:
        evaluate: figures of a design.
    """

    def __init__(self, evaluate: Callable[[Design], Figures]) -> None:
        self.capacity = 1
        self._evaluate = evaluate
        self._waiting: list[tuple[int, Design]] = []

    def submit(self, number: int, design: Design) -> None:
        """Takes a design."""
        self._waiting.append((number, design))

    def completed(self, seconds: float) -> list[Measurement]:
        """Measures the designs that were taken. Whatever a measurement raises is raised here."""
        if not self._waiting:
            time.sleep(seconds)
        done = []
        while self._waiting:
            number, design = self._waiting.pop(0)
            start = time.perf_counter()
            figures = self._evaluate(design)
            done.append(Measurement(number, time.perf_counter() - start, figures))
        return done
