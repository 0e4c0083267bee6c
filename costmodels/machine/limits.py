"""The sizes by which the kernels choose their arithmetic and cut their work; `costmodels.kernels` reads them here."""

__all__ = [
    "CACHED_VALUES",
    "ENTRIES_AT_ONCE",
    "FLOAT32_MOST",
    "INT32_MOST",
    "LANES",
    "LEAST_BLOCK",
    "MOST_PLANE_PAIRS",
    "ROWS",
]

MOST_PLANE_PAIRS = 16
"""Pairs of bit planes up to which popcounts beat an exact matrix product; measured."""

INT32_MOST = (1 << 31) - 1
"""The largest sum that int32 holds."""

FLOAT32_MOST = 1 << 24
"""Up to here float32 holds every integer, and a matrix product of integers whose sums stay below is exact."""

LANES = 8
"""Filters side by side in a register tile of signs: words of a register of 512 bits."""

ROWS = 4
"""Windows of such a tile."""

ENTRIES_AT_ONCE = 4
"""Sparse entries that are added to a line of output in one pass."""

CACHED_VALUES = 1 << 19
"""Values of 32 bits that stay near the core: what a kernel holds of maps or windows at once."""

LEAST_BLOCK = 64
"""Output positions that are taken at once, however many values each holds."""
