"""Sparse values of rows of places: dense, with a bitmap, or with an index of positions and counts."""

from collections.abc import Iterator, Mapping

import numpy as np

from costmodels.layout.fields import Field, Values, choices, flags

__all__ = ["nonzero_places", "sparse_fields"]


def sparse_fields(name: str, form: str, rows: tuple[int, int], values: Values, nonzeros: int) -> Iterator[Field]:
    """The fields of sparse values in one of three forms.

    Args:
        name: of the array of values, and of their storage component.
        form: ``dense``, ``bitmap`` or ``index``.
        rows: how many, and the places of each.
        values: how one is stored.
        nonzeros: values that are stored with their places; ``dense`` stores every place.
    """
    if form == "dense":
        yield Field(name, name, rows, values)
        return
    if form == "bitmap":
        yield Field("mask", "index", rows, flags())
    else:
        yield Field("counts", "index", rows[:1], choices(rows[1] + 1, np.dtype(np.int32)))
        yield Field("positions", "index", (nonzeros,), choices(rows[1], np.dtype(np.int32)))
    yield Field(name, name, (nonzeros,), values)


def nonzero_places(arrays: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the values that are not zero stand.

    Args:
        arrays: of a layer, with the fields of `sparse_fields`.
        name: of the array of values.

    Returns:
        The row and the place in the row of each.
    """
    if "counts" in arrays:
        counts = arrays["counts"]
        return np.repeat(np.arange(len(counts)), counts), arrays["positions"].astype(np.int64)
    rows, places = np.nonzero(arrays["mask"] if "mask" in arrays else arrays[name])
    return rows, places
