"""Budgets: upper limits on a design's figures, handed to Optuna as constraints."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from searches.errors import SearchError

__all__ = ["Budget", "exceeded", "violation"]


@dataclass(frozen=True)
class Budget:
    """A limit that a design's figure may reach but not exceed.

    Args:
        name: for messages.
        column: the figure.
        limit: in ``unit``.
        origin: where the limit comes from, for the report.
    """

    name: str
    column: str
    limit: float
    unit: str
    origin: str

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
