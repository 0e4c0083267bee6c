"""Templates: directions in the space of kernels, by a k-means on Pearson's correlation.

A k-means of directions (Dhillon & Modha, Machine Learning 42, 2001): each kernel x goes to the template c of largest
|<x,c>|, each template becomes sum(<x,c>*x) over its kernels, at unit length. That is one step of the power iteration
towards the top eigenvector of sum(x*x^T), which is the template of least error, and the sum over the kernels of <x,c>^2
never falls. Kernels weigh by their energy, since the error does.
"""

import numpy as np

from explorer.forms.quantizer import fit_scales, quantize_rows
from explorer.system.errors import FittingError

__all__ = ["CRITERIA", "centred", "fit_templates", "nearest_template", "quantized_templates", "unit"]

ITERATIONS = 12
BLOCK_PRODUCTS = 1 << 20
"""Products of kernels and templates that are held at once."""

FLAT = 1e-14
"""Share of its energy below which the variation of a kernel is float32 rounding, (2^-23)^2, and counts as none."""

CRITERIA = ("|r|", "r")
"""How a kernel chooses its template; ``|r|`` is consistent with the least-squares a and b, ``r`` minds the sign."""


def fit_templates(
    kernels: np.ndarray,
    templates: int,
    seed: int,
    offset: bool = True,
    criterion: str = "|r|",
    iterations: int = ITERATIONS,
) -> np.ndarray:
    """Directions (K, d^2) of unit length from ``kernels`` (N, d^2); more iterations never fit worse.

    The first templates are kernels drawn at random, by their energy. Templates that no kernel takes are started again
    from the worst-fitted kernels.

    Raises:
        FittingError: an unknown criterion.
    """
    if criterion not in CRITERIA:
        raise FittingError(f"criterion is one of {', '.join(CRITERIA)}", criterion, "choose one of them")
    rows = centred(kernels, offset)
    generator = np.random.default_rng(seed)
    directions = _first_directions(rows, templates, generator, offset)
    index, along = nearest_template(rows, directions, criterion)
    for _ in range(iterations):
        weighted = rows * (along if criterion == "|r|" else np.maximum(along, 0))[:, None]
        sums = np.stack([np.bincount(index, column, minlength=templates) for column in weighted.T], axis=1)
        directions = np.where(np.square(sums).sum(axis=1, keepdims=True) > 0, unit(sums), directions)
        unused = np.flatnonzero(np.bincount(index, minlength=templates) == 0)
        missed = np.square(rows).sum(axis=1) - np.square(along)
        worst = np.argsort(-missed, kind="stable")[: len(unused)]
        directions[unused[: len(worst)]] = unit(rows[worst])
        previous = index
        index, along = nearest_template(rows, directions, criterion)
        if np.array_equal(previous, index):
            break
    return directions


def _first_directions(rows: np.ndarray, templates: int, generator: np.random.Generator, offset: bool) -> np.ndarray:
    directions = unit(centred(generator.standard_normal((templates, rows.shape[1])), offset))
    energy = np.square(rows).sum(axis=1)
    count = min(templates, int(np.count_nonzero(energy)))
    if count:
        chosen = generator.choice(len(rows), count, replace=False, p=energy / energy.sum())
        directions[:count] = unit(rows[chosen])
    return directions


def centred(rows: np.ndarray, offset: bool) -> np.ndarray:
    """Rows without their means, and exactly zero where they are constant but for rounding."""
    if not offset:
        return rows
    deviations = rows - rows.mean(axis=1, keepdims=True)
    constant = np.square(deviations).sum(axis=1) <= FLAT * np.square(rows).sum(axis=1)
    return np.where(constant[:, None], 0.0, deviations)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows at unit length; those of length 0 stay."""
    lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    return rows / np.where(lengths > 0, lengths, 1.0)


def nearest_template(rows: np.ndarray, directions: np.ndarray, criterion: str) -> tuple[np.ndarray, np.ndarray]:
    """The direction of largest |<row, direction>| (or <row, direction>) for each row, and that product."""
    block = max(1, BLOCK_PRODUCTS // len(directions))
    index, along = np.empty(len(rows), np.intp), np.empty(len(rows))
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        products = rows[part] @ directions.T
        index[part] = (np.abs(products) if criterion == "|r|" else products).argmax(axis=1)
        along[part] = np.take_along_axis(products, index[part, None], axis=1)[:, 0]
    return index, along


def quantized_templates(directions: np.ndarray, bits: int) -> np.ndarray:
    """Directions as stored: of one length, so that one scale serves all, which then is part of the scale of a."""
    if bits == 32:
        return directions.astype(np.float32)
    values = directions.reshape(1, -1)
    return quantize_rows(values, bits, fit_scales(values, bits)).reshape(directions.shape)
