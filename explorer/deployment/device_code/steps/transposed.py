"""Transposed convolutions, phase by phase.

Outputs that are a spread apart see the same taps of a filter: those that fall on values, and not on the zeros between
them. They are a phase, whose outputs are a convolution of the values with those taps. A row has as many phases as the
spread, and so has a column.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import ClassVar

import numpy as np

from explorer.deployment.device_code.steps.conv import COLUMNS, READY_BYTES, ConvStep
from explorer.deployment.device_code.steps.step import Values
from explorer.deployment.device_code.steps.stored_codes import StoredCodes, written_codes
from explorer.deployment.device_code.steps.window import Window

__all__ = ["Phase", "TransposedStep"]


@dataclass(frozen=True)
class Phase:
    """Outputs with the same taps.

    Args:
        taps: of a filter that fall on values, by rows and columns.
        places: outputs, likewise.
        values: of a filter under these taps, in whole words of codes.
    """

    taps: tuple[int, int]
    places: tuple[int, int]
    values: int


@dataclass(frozen=True, eq=False)
class TransposedStep(ConvStep):
    """A transposed convolution; arguments as of `ConvStep`, but for the window.

    Its filters are those of the convolution of values with zeros between them. The window's input is of the values
    alone, its stride is the spread, from one value to the next, and its pad is what lies before the first value, less
    than nothing where values are cut off.
    """

    kernel: ClassVar[str] = "transposed"

    @property
    def in_place(self) -> tuple[int, ...]:
        """Not over the input, which every phase reads."""
        return ()

    @cached_property
    def codes(self) -> StoredCodes:
        """Decoded filters: their taps are put in order by phase."""
        return written_codes(self.coded.filters, self.is_wide)

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """All that have outputs."""
        window, members, group = self.window, self.coded.filters.shape[1], self.codes.group
        axes = zip(window.output_size, window.kernel, window.stride, window.dilation, window.pad, strict=True)
        found = []
        for down, across in product(*[_axis(*axis) for axis in axes]):
            taps, places = (down[0], across[0]), (down[1], across[1])
            found.append(Phase(taps, places, -(-prod(taps) * members // group) * group))
        return tuple(found)

    @property
    def values(self) -> int:
        """Of a filter, each phase in whole words of codes."""
        return sum(phase.values for phase in self.phases)

    @property
    def values_read(self) -> int:
        """Unpacked for a block of filters."""
        return sum(prod(phase.places) * phase.values for phase in self.phases)

    @property
    def reading(self) -> str:
        """How the values under a window are read: the C enumeration's name."""
        is_apart = self.coded.filters.shape[1] % self.codes.group
        return "FILTERFRONT_IN_A_WINDOW" if is_apart else "FILTERFRONT_IN_WORDS"

    @property
    def work_bytes(self) -> int:
        """Codes of all phases, what requantization has ready, and columns of one phase; or, where these come later, a
        filter as it is decoded and its taps of one phase; a window where one is gathered."""
        most = max(phase.values for phase in self.phases)
        decoded = -(-self.length // 2) * 2 + most
        found = self.at_once * (4 * self.codes.words_of(self.values) + READY_BYTES) + 2 * max(COLUMNS * most, decoded)
        found += most if self.reading == "FILTERFRONT_IN_A_WINDOW" else 0
        return found + self.coded.work_bytes

    @property
    def macs(self) -> int:
        """Every weight at every value of the input."""
        return self.coded.filters.size * prod(self.window.input_size)

    def run(self, values: Values) -> np.ndarray:
        """As the convolution of values with zeros between and around them."""
        window, images = self.window, self._read(values)
        axes = zip(window.output_size, window.kernel, window.dilation, strict=True)
        rows, columns = (out + dilation * (taps - 1) for out, taps, dilation in axes)
        spread = np.zeros((len(images), rows, columns, self.channels))
        down, across = (
            step * np.arange(count) + lead
            for count, step, lead in zip(window.input_size, window.stride, window.pad, strict=True)
        )
        is_row, is_column = (down >= 0) & (down < rows), (across >= 0) & (across < columns)
        spread[:, down[is_row, None], across[is_column]] = images[:, is_row][:, :, is_column]
        plain = Window((rows, columns), window.output_size, window.kernel, (1, 1), window.dilation, (0, 0))
        return self._finished(spread, plain)


def _axis(outputs: int, kernel: int, spread: int, dilation: int, lead: int) -> list[tuple[int, int]]:
    """By phase of a row or column: taps, and outputs."""
    taps = [sum((phase + tap * dilation - lead) % spread == 0 for tap in range(kernel)) for phase in range(spread)]
    return [(taps[phase], -(-(outputs - phase) // spread)) for phase in range(min(spread, outputs))]
