"""Convolutions and linear layers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from explorer.deployment.device_code.forms.coded_filters import CodedFilters, Fact
from explorer.deployment.device_code.steps.step import Finish, Step, Values
from explorer.deployment.device_code.steps.stored_codes import StoredCodes, flash_codes, written_codes
from explorer.deployment.device_code.steps.window import Window

__all__ = ["GATHERING", "ConvStep"]

COLUMNS, READY_BYTES = 4, 16
"""Places that share filters, and what a filter's requantization has ready."""

GATHERING = {"FILTERFRONT_IN_A_WINDOW": "gather_values", "FILTERFRONT_IN_WORDS": "gather_pairs"}
"""By how the values under a window are read, the C source that does it."""

LEAST_BLOCK = 4
"""Filters that are decoded at once where nothing else is said."""


@dataclass(frozen=True, eq=False)
class ConvStep(Step):
    """A convolution or linear layer.

    Args:
        name: of the layer or operation.
        output: number of the tensor that it writes.
        source: number of the input.
        channels: of the input.
        groups: of channels.
        window: of its taps.
        zero: the input's level of 0.
        coded: the filters.
        form: the compressed form in words.
        finish: of the sums.
        most_at_once: filters that are decoded at once and taken over all places, at most.
        is_wide: whether decoded filters have 16 bits a weight though fewer would do: fewer instructions, more scratch.
    """

    source: int
    channels: int
    groups: int
    window: Window
    zero: int
    coded: CodedFilters
    form: str
    finish: Finish
    most_at_once: int = LEAST_BLOCK
    is_wide: bool = False
    kernel: ClassVar[str] = "conv"

    @property
    def inputs(self) -> tuple[int, ...]:
        """Its input."""
        return (self.source,)

    @property
    def in_place(self) -> tuple[int, ...]:
        """Over the input, where all filters are taken over a place at once and have no more outputs than inputs."""
        outputs = len(self.coded.filters)
        is_whole = self.at_once == outputs <= self.channels and self.reading == "FILTERFRONT_AS_IT_IS"
        return self.inputs if is_whole and self.finish.range is None else ()

    @property
    def places(self) -> int:
        """Of the output."""
        return self.window.output_size[0] * self.window.output_size[1]

    @property
    def length(self) -> int:
        """Weights of a filter."""
        return int(np.prod(self.coded.filters.shape[1:]))

    @cached_property
    def codes(self) -> StoredCodes:
        """The filters as they are multiplied."""
        return flash_codes(self.coded, self.groups) or written_codes(self.coded.filters, self.is_wide)

    @property
    def values(self) -> int:
        """Of a filter, in whole words of codes."""
        return self.codes.words_of(self.length) * 32 // self.codes.width

    @property
    def values_read(self) -> int:
        """Values that are unpacked for a block of filters, at all places."""
        return self.places * self.values

    @property
    def reading(self) -> str:
        """How the values under a window are read: the C enumeration's name."""
        members = self.coded.filters.shape[1]
        if members % self.codes.group:
            return "FILTERFRONT_IN_A_WINDOW"
        is_bare = self.window.kernel == (1, 1) and self.window.is_inside
        return "FILTERFRONT_AS_IT_IS" if is_bare else "FILTERFRONT_IN_WORDS"

    @property
    def gathering(self) -> str:
        """The C source that gathers the values under a window, without ``filterfront_``; "" where none does. Kernels
        of other steps read for themselves."""
        return GATHERING.get(self.reading, "") if self.kernel == ConvStep.kernel else ""

    @property
    def at_once(self) -> int:
        """Filters that are taken over all places at once: all that are packed as codes; no more than a group has."""
        outputs = len(self.coded.filters) // self.groups
        return outputs if self.codes.is_packed else min(self.most_at_once, outputs)

    @property
    def work_bytes(self) -> int:
        """Codes, what requantization has ready, columns, where filters are decoded, a window where one is gathered."""
        filters = self.at_once * READY_BYTES + COLUMNS * 2 * self.values
        filters += -(-self.values // 4) * 4 if self.reading == "FILTERFRONT_IN_A_WINDOW" else 0
        if self.codes.is_packed:
            return filters
        return filters + self.at_once * 4 * self.codes.words_of(self.length) + self.coded.work_bytes

    @property
    def sources(self) -> tuple[str, ...]:
        """The C sources that know the filters and the windows, without ``filterfront_``."""
        decoding = () if self.codes.is_packed else (self.coded.kernel,)
        gathering = (self.gathering,) if self.gathering else ()
        return (*decoding, *gathering, f"codes_{self.codes.width}")

    @property
    def code_facts(self) -> Mapping[str, Fact]:
        """The C structure of the codes."""
        return self.codes.facts(self.values, f"filterfront_codes_{self.codes.width}")

    @property
    def macs(self) -> int:
        """Every weight at every output place."""
        return self.coded.filters.size * self.places

    def run(self, values: Values) -> np.ndarray:
        """Sums in float64, which holds every integer of 32 bits and its products exactly."""
        return self._finished(self._read(values), self.window)

    def _read(self, values: Values) -> np.ndarray:
        """(images, H, W, channels) float64: the input less its zero point."""
        images = values[self.source].reshape(-1, *self.window.input_size, self.channels)
        return images.astype(np.float64) - self.zero

    def _finished(self, images: np.ndarray, window: Window) -> np.ndarray:
        """What becomes of the sums of windows over images."""
        found = []
        for group, filters in enumerate(np.split(self.coded.filters.astype(np.float64), self.groups)):
            members = filters.shape[1]
            part = images[..., group * members : (group + 1) * members]
            taps = window.taps(part, 0).reshape(*_outer(part, window), -1)
            found.append(taps @ filters.transpose(0, 2, 3, 1).reshape(len(filters), -1).T)
        sums = np.concatenate(found, axis=-1)
        return self.finish(sums.astype(np.int64)).reshape(len(images), -1)


def _outer(images: np.ndarray, window: Window) -> tuple[int, int, int]:
    return len(images), *window.output_size
