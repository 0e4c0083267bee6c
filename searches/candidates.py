"""Candidate tables: what every scheme that a layer may take adds to every figure of the network, as arrays.

Nearly all figures of a network are sums over its layers; the SRAM peak is a maximum; a codebook that layers share is
counted once. So whole designs are evaluated from the tables alone, millions a second, and to the same integers that
`costmodels.network_cost` gives (`searches.tabulated`). `searches.candidate_tables` makes the tables of a network.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from costmodels import Scheme
from searches.design import Design
from searches.dominance import dominated
from searches.table_columns import COLUMNS

__all__ = ["CandidateTable", "Candidates"]


@dataclass(frozen=True, eq=False)
class CandidateTable:
    """The candidates of one layer.

    Args:
        layer: its name.
        schemes: the candidates.
        columns: by name, one value a candidate, shape (candidates,): the counts (`searches.table_columns.COLUMNS`,
            int64), then the proxies (float64). ``flash_bytes`` has the layer's bias and normalization in it, every
            component padded to whole bytes; ``sram_bytes`` is the peak while the layer runs, 0 for a layer that never
            runs. What every design has in addition (`searches.fixed_part`) is a part of the first layer's.
        shared: for each candidate the keys of what the network stores once for it (its codebook); no column but
            ``traffic_bytes`` counts it.
    """

    layer: str
    schemes: tuple[Scheme, ...]
    columns: Mapping[str, np.ndarray]
    shared: tuple[frozenset[str], ...]

    @cached_property
    def efficient(self) -> np.ndarray:
        """Which candidates no other one dominates in all columns, shape (candidates,)."""
        return self.efficient_in(tuple(self.columns))

    def efficient_in(self, names: Sequence[str]) -> np.ndarray:
        """Which candidates no other one dominates in these columns; of equal ones the first.

        One that needs a shared part dominates only those that need it too. A design on a front of these figures never
        needs another candidate.

        Args:
            names: of columns.

        Returns:
            Booleans of shape (candidates,).
        """
        values = np.stack([self.columns[name].astype(np.float64) for name in names], axis=1)
        keys = sorted(frozenset[str]().union(*self.shared))
        needs = np.array([[key in shared for key in keys] for shared in self.shared], dtype=np.float64)
        return ~dominated(np.concatenate([values, needs.reshape(len(self.schemes), len(keys))], axis=1))

    def taking(self, keep: np.ndarray) -> "CandidateTable":
        """The table of the candidates at these indices alone."""
        return CandidateTable(
            layer=self.layer,
            schemes=tuple(self.schemes[index] for index in keep),
            columns={name: column[keep] for name, column in self.columns.items()},
            shared=tuple(self.shared[index] for index in keep),
        )


@dataclass(frozen=True, eq=False)
class Candidates:
    """The candidates of a network.

    Args:
        layers: a table for each layer, in the network's order.
        shared_bits: what each shared part takes, by key.
        idle_bytes: the most bytes live at a step that runs no layer; no design's SRAM peak is less.
    """

    layers: tuple[CandidateTable, ...]
    shared_bits: Mapping[str, int]
    idle_bytes: int = 0

    @property
    def proxies(self) -> tuple[str, ...]:
        """Names of the proxies."""
        return tuple(name for name in self.layers[0].columns if name not in COLUMNS)

    def design(self, choices: Iterable[int]) -> Design:
        """The design of one candidate's index for each layer."""
        return Design({table.layer: table.schemes[int(i)] for table, i in zip(self.layers, choices, strict=True)})
