"""Where the non-zero values of a sparse array stand, in each of the forms that a scheme can store.

``bitmap``: ``mask`` (rows, places) of bool. ``index``: ``positions`` (nonzeros,) in their row, row by row, and
``counts`` (rows,). ``dense``: nothing, every value is stored.
"""

from collections.abc import Mapping

import numpy as np

from explorer.forms.fitted_layer import Arrays

__all__ = ["pack_places", "spread_values"]


def pack_places(name: str, values: np.ndarray, form: str) -> Arrays:
    """``values`` (rows, places) as arrays: the stored values under ``name``, and their places."""
    if form == "dense":
        return {name: values}
    mask = values != 0
    stored = {name: values[mask]}
    if form == "bitmap":
        return stored | {"mask": mask}
    counts = mask.sum(axis=1)
    positions = np.nonzero(mask)[1]
    return stored | {"positions": positions.astype(np.int32), "counts": counts.astype(np.int32)}


def spread_values(name: str, arrays: Mapping[str, np.ndarray], rows: int, places: int) -> np.ndarray:
    """The inverse of `pack_places`: (rows, places), zero where nothing is stored."""
    values = arrays[name]
    if "mask" not in arrays and "positions" not in arrays:
        return values.reshape(rows, places)
    spread = np.zeros((rows, places), values.dtype)
    if "mask" in arrays:
        spread[arrays["mask"]] = values
    else:
        spread[np.repeat(np.arange(rows), arrays["counts"]), arrays["positions"]] = values
    return spread
