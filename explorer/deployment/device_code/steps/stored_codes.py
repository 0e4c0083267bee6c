"""Filters as they are multiplied: codes that stand for a power of two times the code, plus an offset."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from explorer.deployment.device_code.forms.coded_filters import CodedFilters, Fact, Stream

__all__ = ["NO_CODES", "StoredCodes", "flash_codes", "written_codes"]

WORD_BITS, WIDE_BITS = 32, 16
WIDTHS = (1, 2, 4, 8)
"""Of codes that a mask takes out of a word; others have 16 bits."""


@dataclass(frozen=True)
class StoredCodes:
    """Codes of the filters of a layer.

    Args:
        width: bits of each.
        down: a weight is 2^down times its code, plus the offset.
        offset: of weights.
        stream: in flash; None where decoded filters are written as codes to scratch.
    """

    width: int
    down: int
    offset: int
    stream: Stream | None = None

    @property
    def is_packed(self) -> bool:
        """Whether they lie in flash."""
        return self.stream is not None

    @property
    def group(self) -> int:
        """Values that are unpacked together: those of a word, but at least a quad."""
        return max(WORD_BITS // self.width, 4)

    def words_of(self, length: int) -> int:
        """Words of so many codes, in whole groups."""
        groups = -(-length // self.group)
        return groups * self.group * self.width // WORD_BITS

    def facts(self, length: int, dot: str | None) -> Mapping[str, Fact]:
        """The C structure.

        Args:
            length: of a filter.
            dot: the function that multiplies them.
        """
        return {
            "dot": dot,
            "packed": self.stream,
            "width": self.width,
            "words": self.words_of(length),
            "down": self.down,
            "offset": self.offset,
        }


NO_CODES: Mapping[str, Fact] = {"dot": None, "packed": None, "width": 16, "words": 0, "down": 0, "offset": 0}
"""Of kernels that take filters as they are decoded."""


def flash_codes(coded: CodedFilters, groups: int) -> StoredCodes | None:
    """The codes of weights that lie in flash as they are multiplied; None where they do not.

    Their order is that of a window's values where a filter has one tap, or one channel; filters are whole words.
    """
    packed, (_, members, height, width) = coded.packed, coded.filters.shape
    if packed is None or packed.width not in WIDTHS or groups > 1 or min(members, height * width) > 1:
        return None
    if members * height * width * packed.width % WORD_BITS:
        return None
    return StoredCodes(packed.width, packed.down, packed.offset, packed.stream)


def written_codes(filters: np.ndarray, is_wide: bool = False) -> StoredCodes:
    """Codes of the fewest bits that hold decoded filters.

    Args:
        filters: integers of 16 bits.
        is_wide: whether to take 16 bits anyway.
    """
    lowest, highest = int(filters.min()), int(filters.max())
    down = 1 if not ((filters.astype(np.int64) - lowest) & 1).any() else 0
    needed = max(((highest - lowest) >> down).bit_length(), 1)
    width = next((width for width in WIDTHS if width >= needed), WIDE_BITS)
    return StoredCodes(WIDE_BITS, 0, 0) if is_wide or width == WIDE_BITS else StoredCodes(width, down, lowest)
