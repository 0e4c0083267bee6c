"""Figures of whole designs from candidate tables: sums, the SRAM peak and shared parts in jitted loops."""

from collections.abc import Sequence

import numpy as np
from numba import njit

from searches.candidates import Candidates
from searches.errors import SearchError
from searches.figures import SRAM, TABULATED_FIGURES
from searches.table_columns import COLUMNS, EXACT_FLOAT, STORED_FIGURES, column_of, figure_of, shared_size

__all__ = ["tabulated_figures"]

LANES = 4
"""Columns that are summed in one pass over the layers: as many running sums stay in registers."""

CHUNK = 4096
"""Designs in one go: few enough to stay in the cache from one loop to the next."""

MOST_SHARED = 63
"""Shared parts: a design's are the bits of one signed 64-bit number."""


def tabulated_figures(
    candidates: Candidates, designs: np.ndarray, names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Figures of many designs, each equal to that of `costmodels.network_cost`.

    Args:
        candidates: the tables.
        designs: indices of candidates, integers of shape (designs, layers); uint16 is fastest.
        names: of `searches.figures.TABULATED_FIGURES` and of the proxies; all by default.

    Returns:
        By name an array of shape (designs,): int64, or float64 for a proxy.

    Raises:
        SearchError: a name is unknown, an index is out of range, or sums are too large to be exact.
    """
    known = (*TABULATED_FIGURES, *candidates.proxies)
    names = tuple(names) if names is not None else known
    if unknown := [name for name in names if name not in known]:
        rule = "a figure has a known name"
        raise SearchError(rule, unknown[0], f"choose of {', '.join(TABULATED_FIGURES)} or a proxy")
    designs = _checked(candidates, designs)
    offsets = np.cumsum([0, *(len(table.schemes) for table in candidates.layers[:-1])])
    summed = [name for name in names if name != SRAM]
    rows = [_rows(candidates, summed[first : first + LANES]) for first in range(0, len(summed), LANES)]
    figures = {name: np.empty(len(designs), np.float64 if name in candidates.proxies else np.int64) for name in names}
    peaks = np.concatenate([table.columns[SRAM] for table in candidates.layers])
    for first in range(0, len(designs), CHUNK):
        chunk = slice(first, min(first + CHUNK, len(designs)))
        for block, lanes in enumerate(rows):
            sums = np.empty((chunk.stop - chunk.start, LANES))
            _sum_lanes(lanes, offsets, designs[chunk], sums)
            for lane, name in enumerate(summed[LANES * block : LANES * (block + 1)]):
                figures[name][chunk] = sums[:, lane]
        if SRAM in figures:
            _peaks(peaks, offsets, designs[chunk], candidates.idle_bytes, figures[SRAM][chunk])
    _add_shared(candidates, offsets, designs, figures)
    return {name: figure_of(name, values) for name, values in figures.items()}


def _checked(candidates: Candidates, designs: np.ndarray) -> np.ndarray:
    """The designs as an array that the loops take.

    Raises:
        SearchError: another number of layers, no integers, or an index out of range.
    """
    designs = np.ascontiguousarray(designs)
    layers = len(candidates.layers)
    if designs.ndim != 2 or designs.shape[1] != layers or designs.dtype.kind not in "iu":
        rule = "designs are integers of shape (designs, layers)"
        raise SearchError(rule, f"{designs.dtype} of shape {designs.shape}", f"give {layers} indices a design")
    if designs.dtype == np.uint64:
        designs = designs.astype(np.int64)
    counts = np.array([len(table.schemes) for table in candidates.layers])
    fault = _first_fault(designs, counts)
    if fault >= 0:
        rule = "an index is that of a candidate of its layer"
        raise SearchError(rule, f"{designs[fault].tolist()} in design {fault}", f"stay below {counts.tolist()}")
    return designs


def _rows(candidates: Candidates, names: Sequence[str]) -> np.ndarray:
    """The columns of these figures side by side, for all candidates of all layers: float64 of (candidates, LANES).

    Raises:
        SearchError: sums are too large to be exact in float64.
    """
    rows = np.zeros((sum(len(table.schemes) for table in candidates.layers), LANES))
    for lane, name in enumerate(names):
        column = column_of(name)
        parts = [table.columns[column] for table in candidates.layers]
        if column in COLUMNS and sum(int(part.max()) for part in parts) >= EXACT_FLOAT:
            raise SearchError(f"sums of {name} are below 2^53", "greater ones", "cost these designs one by one")
        rows[:, lane] = np.concatenate(parts)
    return rows


def _add_shared(
    candidates: Candidates, offsets: np.ndarray, designs: np.ndarray, figures: dict[str, np.ndarray]
) -> None:
    """Adds what the network stores once to the storage (in bits) and the flash of the designs that need it."""
    keys = tuple(candidates.shared_bits)
    stored = [name for name in STORED_FIGURES if name in figures]
    if not keys or not stored:
        return
    if len(keys) > MOST_SHARED:
        raise SearchError(f"candidates share at most {MOST_SHARED} parts", len(keys), "offer fewer codebooks")
    needs = [sum(1 << keys.index(key) for key in shared) for table in candidates.layers for shared in table.shared]
    masks = np.zeros(len(designs), dtype=np.int64)
    _unions(np.array(needs, dtype=np.int64), offsets, designs, masks)
    for number, key in enumerate(keys):
        needed = (masks >> number) & 1
        for name in stored:
            figures[name] += needed * shared_size(name, candidates.shared_bits[key])


@njit(cache=True)
def _first_fault(designs: np.ndarray, counts: np.ndarray) -> int:
    """The first design with an index out of range, -1 if there is none."""
    for design in range(designs.shape[0]):
        faults = 0
        for layer in range(designs.shape[1]):
            faults += designs[design, layer] < 0 or designs[design, layer] >= counts[layer]
        if faults:
            return design
    return -1


@njit(cache=True)
def _sum_lanes(rows: np.ndarray, offsets: np.ndarray, designs: np.ndarray, sums: np.ndarray) -> None:
    """Sums of four columns, over layers in their order."""
    for design in range(designs.shape[0]):
        first = second = third = fourth = 0.0
        for layer in range(designs.shape[1]):
            row = rows[offsets[layer] + designs[design, layer]]
            first += row[0]
            second += row[1]
            third += row[2]
            fourth += row[3]
        sums[design, 0] = first
        sums[design, 1] = second
        sums[design, 2] = third
        sums[design, 3] = fourth


@njit(cache=True)
def _peaks(values: np.ndarray, offsets: np.ndarray, designs: np.ndarray, least: int, peaks: np.ndarray) -> None:
    """The greatest value over layers, at least ``least``."""
    for design in range(designs.shape[0]):
        peak = least
        for layer in range(designs.shape[1]):
            peak = max(peak, values[offsets[layer] + designs[design, layer]])
        peaks[design] = peak


@njit(cache=True)
def _unions(needs: np.ndarray, offsets: np.ndarray, designs: np.ndarray, unions: np.ndarray) -> None:
    """The bitwise or over layers."""
    for design in range(designs.shape[0]):
        for layer in range(designs.shape[1]):
            unions[design] |= needs[offsets[layer] + designs[design, layer]]
