"""Errors of the searches."""

from costmodels.errors import FilterfrontError

__all__ = ["InfeasibleError", "SearchError"]


class SearchError(FilterfrontError):
    """A search that cannot start or go on."""


class InfeasibleError(SearchError):
    """No design meets the budgets; the message names the budget that binds and the least value reachable."""
