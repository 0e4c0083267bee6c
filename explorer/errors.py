"""The errors of the explorer: networks, data, fitting and the command line."""

from costmodels.errors import FilterfrontError

__all__ = ["NetworkError"]


class NetworkError(FilterfrontError):
    """A network that cannot be found, built, traced, or given its weights."""
