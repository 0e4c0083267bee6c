"""The stored values of sparse rows with their places, read from a bitmap, an index or dense storage."""

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["sparse_rows"]


def sparse_rows(arrays: Mapping[str, np.ndarray], name: str) -> list[list[tuple[int, Any]]]:
    """(place, value) of every value that is not zero, row by row."""
    values = arrays[name].tolist()
    if "mask" in arrays:
        stored = iter(values)
        return [
            [(place, next(stored)) for place, is_set in enumerate(row) if is_set] for row in arrays["mask"].tolist()
        ]
    if "counts" in arrays:
        entries = iter(zip(arrays["positions"].tolist(), values, strict=True))
        return [[next(entries) for _ in range(count)] for count in arrays["counts"].tolist()]
    return [[(place, value) for place, value in enumerate(row) if value != 0] for row in values]
