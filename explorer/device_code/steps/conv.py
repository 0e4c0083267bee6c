"""Convolutions and linear layers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from explorer.device_code.forms.coded_filters import CodedFilters, Fact
from explorer.device_code.steps.step import Finish, Step, Values
from explorer.device_code.steps.window import Window

__all__ = ["ConvStep"]

QUAD, COLUMNS, READY_BYTES = 4, 4, 16
"""Values that are unpacked at once, places that share filters, and what a filter's requantization has ready."""

LEAST_BLOCK = 4
"""Filters that share the values under a window where nothing else is said."""


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
    kernel: ClassVar[str] = "conv"

    @property
    def inputs(self) -> tuple[int, ...]:
        """Its input."""
        return (self.source,)

    @property
    def places(self) -> int:
        """Of the output."""
        return self.window.output_size[0] * self.window.output_size[1]

    @property
    def reading(self) -> str:
        """How the values under a window are read: the C enumeration's name."""
        members = self.coded.filters.shape[1]
        if self.window.kernel == (1, 1) and self.window.is_inside and members % QUAD == 0:
            return "FILTERFRONT_AS_IT_IS"
        is_in_quads = members % QUAD == 0 and self.places > 1
        return "FILTERFRONT_IN_QUADS" if is_in_quads else "FILTERFRONT_IN_A_WINDOW"

    @property
    def at_once(self) -> int:
        """Filters that are decoded at once: no more than a group has, and one where there is one place."""
        return 1 if self.places == 1 else min(self.most_at_once, len(self.coded.filters) // self.groups)

    @property
    def work_bytes(self) -> int:
        """Filters with what requantization has ready, columns, a window where one is gathered; and of decoding."""
        length = QUAD * -(-int(np.prod(self.coded.filters.shape[1:])) // QUAD)
        columns = COLUMNS if self.places > 1 else 1
        filters = self.at_once * (2 * length + READY_BYTES)
        gathered = length if self.reading == "FILTERFRONT_IN_A_WINDOW" else 0
        return filters + columns * 2 * length + gathered + self.coded.work_bytes

    @property
    def form_source(self) -> str:
        """The C source that knows the form, without ``filterfront_``."""
        return self.coded.kernel

    @property
    def form_structure(self) -> str:
        """The structure of the form, and the header that declares it."""
        return self.coded.kernel

    @property
    def form_facts(self) -> Mapping[str, Fact]:
        """The structure's fields."""
        return self.coded.facts

    @property
    def decode(self) -> str | None:
        """The function that decodes a filter."""
        return f"filterfront_{self.coded.kernel}_filter"

    @property
    def macs(self) -> int:
        """Every weight at every output place."""
        return self.coded.filters.size * self.places

    def run(self, values: Values) -> np.ndarray:
        """Sums in float64, which holds every integer of 32 bits and its products exactly."""
        images = values[self.source].reshape(-1, *self.window.input_size, self.channels).astype(np.float64) - self.zero
        found = []
        for group, filters in enumerate(np.split(self.coded.filters.astype(np.float64), self.groups)):
            members = filters.shape[1]
            part = images[..., group * members : (group + 1) * members]
            taps = self.window.taps(part, 0).reshape(*_outer(part, self.window), -1)
            found.append(taps @ filters.transpose(0, 2, 3, 1).reshape(len(filters), -1).T)
        sums = np.concatenate(found, axis=-1)
        return self.finish(sums.astype(np.int64)).reshape(len(images), -1)


def _outer(images: np.ndarray, window: Window) -> tuple[int, int, int]:
    return len(images), *window.output_size
