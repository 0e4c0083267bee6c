"""The problem of an exact front in the columns of candidate tables: what each layer chooses from, and the limits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from searches.candidates import Candidates
from searches.dominance import dominated, lower_front
from searches.errors import SearchError
from searches.figures import SRAM
from searches.table_columns import COLUMNS, EXACT_FLOAT, STORED_FIGURES, column_of, shared_size, units_of

__all__ = ["Choices", "SumProblem", "make_sum_problem"]


@dataclass(frozen=True, eq=False)
class Choices:
    """The efficient candidates of a layer. Of two figures the first ascends and the second descends.

    Args:
        index: of the candidates in the layer's table, shape (candidates,).
        values: what each adds to the sums, float64 of shape (candidates, figures).
    """

    index: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class SumProblem:
    """Sums over the layers that are to be small: of the objectives, then of further figures that are capped.

    Args:
        candidates: the tables.
        figures: two objectives, and the figures of further caps. Storage is summed in bits.
        allowed: for each layer the indices of the candidates within the limit on SRAM.
        limits: the greatest sums allowed, shape (figures,).
    """

    candidates: Candidates
    figures: tuple[str, ...]
    allowed: tuple[np.ndarray, ...]
    limits: np.ndarray

    @property
    def shared_keys(self) -> frozenset[str]:
        """Keys of the shared parts that one of the sums counts."""
        return frozenset(self.candidates.shared_bits if set(STORED_FIGURES) & set(self.figures) else ())

    def constant(self, stored: frozenset[str]) -> np.ndarray:
        """What these shared parts add to each sum, float64 of shape (figures,)."""
        bits = [self.candidates.shared_bits[key] for key in stored]
        return np.array([sum(shared_size(name, size) for size in bits) for name in self.figures], dtype=np.float64)

    def choices(self, stored: frozenset[str]) -> tuple[Choices, ...]:
        """What each layer chooses from where only these shared parts are stored."""
        return tuple(self._of_layer(layer, stored) for layer in range(len(self.allowed)))

    def _of_layer(self, layer: int, stored: frozenset[str]) -> Choices:
        table, index, counted = self.candidates.layers[layer], self.allowed[layer], self.shared_keys
        index = index[[table.shared[one] & counted <= stored for one in index]]
        values = np.stack([table.columns[column_of(name)][index] for name in self.figures], axis=1).astype(np.float64)
        keep = lower_front(*values.T) if len(self.figures) == 2 else np.flatnonzero(~dominated(values))
        return Choices(index[keep], values[keep])


def make_sum_problem(candidates: Candidates, figures: Sequence[str], caps: Mapping[str, float]) -> SumProblem:
    """The problem of these figures, the first two being the objectives; caps that no design exceeds are left out.

    Args:
        candidates: the tables.
        figures: the objectives, and the figures of further caps.
        caps: greatest values allowed, of these figures and of SRAM.

    Raises:
        SearchError: sums are not exact in float64.
    """
    names, limits = [], []
    for number, name in enumerate(figures):
        step, greatest = _step_and_greatest(candidates, name)
        limit = caps.get(name, math.inf) * units_of(name)
        # The greatest whole number of steps that is within the limit, so that sums and limits compare exactly.
        limit = math.inf if limit >= greatest else np.ldexp(np.floor(np.ldexp(limit, -step)), step)
        if number < 2 or limit < math.inf:
            names.append(name)
            limits.append(limit)
    room = caps.get(SRAM, math.inf)
    fits = candidates.idle_bytes <= room
    allowed = tuple(np.flatnonzero(fits & (table.columns[SRAM] <= room)) for table in candidates.layers)
    return SumProblem(candidates, tuple(names), allowed, np.array(limits))


def _step_and_greatest(candidates: Candidates, name: str) -> tuple[int, float]:
    """The power of two whose multiples a figure's values are, as its exponent, and the greatest sum that there can be.

    Raises:
        SearchError: sums are not exact in float64.
    """
    column = column_of(name)
    shared = sum(candidates.shared_bits.values()) if name in STORED_FIGURES else 0
    greatest = shared + sum(float(np.abs(table.columns[column]).max()) for table in candidates.layers)
    step = 0 if column in COLUMNS else int(np.frexp(greatest)[1]) - 53
    scaled = [np.ldexp(table.columns[column].astype(np.float64), -step) for table in candidates.layers]
    if greatest >= np.ldexp(float(EXACT_FLOAT), step) or any((values != np.rint(values)).any() for values in scaled):
        remedy = "build the tables with candidate_tables, or use a larger unit"
        raise SearchError(f"sums of {column} are exact in float64", "sums that are not", remedy)
    return step, greatest
