"""The columns of candidate tables, and how sums of them make the figures of a network.

Storage is summed in bits and rounded up to bytes once; flash is rounded up for every component. A part that layers
share (a codebook) is in no column: the network adds it once, to storage and to flash.
"""

from typing import TypeVar

import numpy as np

from costmodels.flash import flash_bytes
from costmodels.units import bytes_of_bits
from searches.figures import FLASH, SRAM, STORAGE, TABULATED_FIGURES

__all__ = ["COLUMNS", "EXACT_FLOAT", "STORED_FIGURES", "column_of", "figure_of", "shared_size", "units_of"]

STORAGE_BITS, SCRATCH = "storage_bits", "scratch_bytes"

STORED_FIGURES = (STORAGE, FLASH)
"""Figures that count what layers share, once."""

EXACT_FLOAT = 1 << 53
"""Whole numbers up to this one are float64 values, and so are their sums."""

Sums = TypeVar("Sums", int, float, np.ndarray)


def column_of(figure: str) -> str:
    """The column whose sums, or whose greatest value, over the layers give a figure or a proxy."""
    return STORAGE_BITS if figure == STORAGE else figure


COLUMNS = (*(column_of(name) for name in TABULATED_FIGURES if name != SRAM), SCRATCH, SRAM)
"""The counted columns of every table: those of the figures, and each candidate's working memory."""


def units_of(figure: str) -> int:
    """How many units of its column are one of a figure: 8 bits for a byte of storage, else 1."""
    return 8 if figure == STORAGE else 1


def figure_of(figure: str, sums: Sums) -> Sums:
    """The figure that sums of its column are."""
    return bytes_of_bits(sums) if figure == STORAGE else sums


def shared_size(figure: str, bits: int) -> int:
    """What a shared part of so many bits adds to the sum of a figure's column, where a design needs it."""
    if figure == STORAGE:
        return bits
    return int(flash_bytes([bits])) if figure == FLASH else 0
