"""Errors of the searches."""

from typing import ClassVar

from costmodels.errors import FilterfrontError

__all__ = ["InfeasibleError", "SearchError"]


class SearchError(FilterfrontError):
    """A search that cannot start or go on."""


class InfeasibleError(SearchError):
    """No design meets the budgets; the message names the budget that binds and the least value reachable."""

    exit_code: ClassVar[int] = 1
