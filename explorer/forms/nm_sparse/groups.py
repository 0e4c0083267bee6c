"""Weights of a layer by groups of consecutive channels, and what is stored of a group.

Legend: n filters of c/g channels, kh*kw elements a kernel, M channels a group, N of them kept.
"""

import numpy as np

from costmodels.layout import places_of_ranks
from costmodels.schemes import NMSparse
from costmodels.shapes import ConvShape

__all__ = ["by_filter", "by_group", "gather", "spread"]


def by_group(values: np.ndarray, group: int) -> np.ndarray:
    """Values (n, c/g, kh, kw) as (n, kh*kw, c/g/M, M)."""
    rows, channels = values.shape[:2]
    return values.reshape(rows, channels // group, group, -1).transpose(0, 3, 1, 2)


def by_filter(grouped: np.ndarray) -> np.ndarray:
    """The inverse of `by_group`, as (n, c/g*kh*kw)."""
    return np.ascontiguousarray(grouped.transpose(0, 2, 3, 1)).reshape(len(grouped), -1)


def spread(shape: ConvShape, scheme: NMSparse, ranks: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values of what is kept as (n, c/g, kh, kw), 0 elsewhere.

    Args:
        shape: the layer.
        scheme: its form.
        ranks: (n, kh, kw, c/g/M), of the places kept.
        values: (n, kh, kw, c/g/M, N).
    """
    sizes = shape.out_channels, shape.kernel_area, shape.group_inputs // scheme.group
    grouped = np.zeros((*sizes, scheme.group), values.dtype)
    np.put_along_axis(grouped, _places(scheme, ranks).reshape(*sizes, -1), values.reshape(*sizes, -1), axis=-1)
    return by_filter(grouped).reshape(shape.weight_shape)


def gather(scheme: NMSparse, ranks: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The inverse of `spread`.

    Args:
        scheme: the form.
        ranks: (n, kh, kw, c/g/M).
        values: (n, c/g, kh, kw).
    """
    grouped = by_group(values, scheme.group)
    places = _places(scheme, ranks).reshape(*grouped.shape[:-1], -1)
    return np.take_along_axis(grouped, places, axis=-1).reshape(*ranks.shape, -1)


def _places(scheme: NMSparse, ranks: np.ndarray) -> np.ndarray:
    """(..., N), ascending."""
    return places_of_ranks(scheme.kept, scheme.group)[ranks.astype(np.intp)].astype(np.intp)
