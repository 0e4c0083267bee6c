"""Budgets: upper limits on a design's figures, handed to Optuna as constraints."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from searches.errors import SearchError
from searches.figures import SRAM

__all__ = ["Budget", "Budgets", "exceeded", "violation"]


@dataclass(frozen=True)
class Budget:
    """A limit that a design's figure may reach but not exceed.

    Args:
        name: for messages.
        column: the figure.
        limit: the greatest value allowed.
        unit: of the limit.
        origin: where the limit comes from, for the report.
    """

    name: str
    column: str
    limit: int | float
    unit: str
    origin: str = ""

    def __post_init__(self) -> None:
        if self.limit <= 0:
            raise SearchError(
                f"the {self.name} budget is positive", self.limit, "give a larger limit or a smaller reserve"
            )

    def shown(self, value: float) -> str:
        """A value of the figure in text: whole numbers in full, times of ms rounded up to whole microseconds."""
        return f"{value:,}" if isinstance(value, int) else f"{math.ceil(value * 1000) / 1000:,.3f}"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


class Budgets(tuple[Budget, ...]):
    """The budgets of a search, at most one on each figure.

    >>> Budgets([Budget("SRAM", "sram_bytes", 65536, "bytes", "--sram")]).sram_bytes
    65536
    """

    __slots__ = ()

    def limit(self, figure: str) -> float | None:
        """The limit on a figure; None where there is none."""
        return next((budget.limit for budget in self if budget.column == figure), None)

    @property
    def sram_bytes(self) -> int | None:
        """The limit on SRAM in bytes, which also decides in which execution a layer runs."""
        limit = self.limit(SRAM)
        return None if limit is None else int(limit)


def violation(budget: Budget, figures: Mapping[str, Any]) -> float:
    """How far a design is over the budget, as a share of the limit; at most 0 when it fits.

    The share makes budgets of different units weigh alike where a sampler adds them up.

    >>> violation(Budget("flash", "flash_bytes", 1000, "bytes", "test"), {"flash_bytes": 1250})
    0.25
    """
    return (float(figures[budget.column]) - budget.limit) / budget.limit


def exceeded(budgets: Sequence[Budget], figures: Mapping[str, Any]) -> list[str]:
    """Names of the budgets that a design exceeds."""
    return [budget.name for budget in budgets if violation(budget, figures) > 0]
