"""Kernels that read bit streams as they are stored: selections, sparse values with their places, and codes.

Streams come as 64-bit words with one spare word at their end, so that a field that reaches into a second word is read
without a question.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from costmodels.kernels.packing import Located
from costmodels.machine.limits import ENTRIES_AT_ONCE

__all__ = ["SparseRows", "Stream", "add_selected"]

FORMS = ("dense", "bitmap", "index")
ALL_BITS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True, eq=False)
class Stream:
    """An array as it is stored.

    Args:
        words: of the stream, uint64.
        start: the array's first bit.
        width: of a field.
        parts: fields of a value.
        count: values.
    """

    words: np.ndarray
    start: int
    width: int
    parts: int
    count: int

    @classmethod
    def of(cls, located: Located) -> "Stream":
        """Of an array of a packed layer."""
        data = located.stream.array()
        words = np.zeros(len(data) // 8 + 2, "<u8")
        words.view(np.uint8)[: len(data)] = data
        values = located.field.values
        return cls(words, located.start, values.width, values.parts, located.field.count)

    def floats(self, *sizes: int) -> np.ndarray:
        """All codes or floats of the array in float32, as an array of these sizes; -1 is what is left."""
        values = np.empty(self.count, np.float32)
        if self.width == 32 and self.start % 32 == 0:
            values = self.words.view("<f4")[self.start // 32 :][: self.count].astype(np.float32, copy=False)
        elif self.width == 32:
            _read_numbers(self.words, self.start, self.width, values.view(np.uint32))
        else:
            _read_codes(self.words, self.start, self.width, values)
        return values.reshape(sizes)

    def numbers(self, out: np.ndarray) -> np.ndarray:
        """All whole numbers of the array into ``out``, which is returned."""
        _read_numbers(self.words, self.start, self.width, out.reshape(-1))
        return out


NOTHING = Stream(np.zeros(1, np.uint64), 0, 0, 1, 0)
"""In place of an array that the form of storage does not have."""


@njit(cache=True, nogil=True)
def _field(words: np.ndarray, bit: int, width: int) -> Any:
    """The number of ``width`` (0 to 64) bits from ``bit`` on."""
    if width == 0:
        return np.uint64(0)
    place, shift = np.uint64(bit >> 6), np.uint64(bit & 63)
    high = words[place + np.uint64(1)] << (np.uint64(63) - shift)  # by 64 in two steps, where the shift is none
    return (words[place] >> shift | high << np.uint64(1)) & (ALL_BITS >> np.uint64(64 - width))


@njit(cache=True, nogil=True)
def _code(rank: np.uint64, width: int) -> Any:
    """`costmodels.codes.codes_of_ranks`, of one."""
    return 2 * np.int64(rank) - (1 << width) + 1 if width <= 2 else np.int64(rank) - (1 << (width - 1))


@njit(cache=True, nogil=True)
def _read_codes(words: np.ndarray, start: int, width: int, out: np.ndarray) -> None:
    for place in range(len(out)):
        out[place] = _code(_field(words, start + place * width, width), width)


@njit(cache=True, nogil=True)
def _read_numbers(words: np.ndarray, start: int, width: int, out: np.ndarray) -> None:
    for place in range(len(out)):
        out[place] = _field(words, start + place * width, width)


def add_selected(
    selection: Stream, one_hot: bool, groups: int, maps: np.ndarray, scales: np.ndarray | None, out: np.ndarray
) -> None:
    """Merges: every output is the sum of one map of each segment.

    Args:
        selection: (n, S) whole numbers below k.
        one_hot: how they are stored.
        groups: of the layer.
        maps: (g*S, k, positions).
        scales: (n, S), of the type of the maps, or none.
        out: (n, positions), likewise.
    """
    factors = np.zeros((0, 0), maps.dtype) if scales is None else scales
    size = selection.width * selection.parts
    _merge(selection.words, selection.start, size, one_hot, groups, maps, factors, out)


@njit(cache=True, nogil=True)
def _merge(
    words: np.ndarray,
    start: int,
    width: int,
    one_hot: bool,
    groups: int,
    maps: np.ndarray,
    scales: np.ndarray,
    out: np.ndarray,
) -> None:
    segments = len(maps) // groups
    for i in range(len(out)):
        first = i // (len(out) // groups) * segments
        for j in range(segments):
            at = start + (i * segments + j) * width
            item = _set_bit(words, at, width) if one_hot else np.int64(_field(words, at, width))
            if scales.size:
                _add_scaled(out[i], maps[first + j, item], scales[i, j], j == 0)
            else:
                _add(out[i], maps[first + j, item], j == 0)


@njit(cache=True, nogil=True)
def _set_bit(words: np.ndarray, start: int, count: int) -> int:
    """The first bit set of ``count``, or ``count``."""
    for first in range(0, count, 64):
        bits = _field(words, start + first, min(64, count - first))
        if bits:
            return first + _zeros_below(bits)
    return count


@njit(cache=True, nogil=True)
def _zeros_below(bits: np.uint64) -> int:
    """The place of the lowest bit set, by halves."""
    place = 0
    for step in (32, 16, 8, 4, 2, 1):
        if not bits & ((np.uint64(1) << np.uint64(step)) - np.uint64(1)):
            bits >>= np.uint64(step)
            place += step
    return place


@njit(cache=True, nogil=True)
def _add(line: np.ndarray, values: np.ndarray, is_first: bool) -> None:
    if is_first:
        for place in range(len(line)):
            line[place] = values[place]
    else:
        for place in range(len(line)):
            line[place] += values[place]


@njit(cache=True, nogil=True)
def _add_scaled(line: np.ndarray, values: np.ndarray, scale: float, is_first: bool) -> None:
    if is_first:
        for place in range(len(line)):
            line[place] = scale * values[place]
    else:
        for place in range(len(line)):
            line[place] += scale * values[place]


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Sparse values as they are stored: rows of places, dense, with a bitmap, or with counts and positions.

    Args:
        values: the stored ones.
        form: ``dense``, ``bitmap`` or ``index``.
        row_places: of a row.
        mask: a bit for each place, in a bitmap.
        counts: values of each row, in an index.
        positions: of each value in its row, in an index.
    """

    values: Stream
    form: str
    row_places: int
    mask: Stream = NOTHING
    counts: Stream = NOTHING
    positions: Stream = NOTHING

    @classmethod
    def of(cls, arrays: Mapping[str, Located], name: str, row_places: int) -> "SparseRows":
        """Of the located arrays of a layer; ``name`` is that of the values."""
        form = "bitmap" if "mask" in arrays else "index" if "counts" in arrays else "dense"
        places = {item: Stream.of(arrays[item]) for item in ("mask", "counts", "positions") if item in arrays}
        return cls(Stream.of(arrays[name]), form, row_places, **places)

    def mix(self, maps: np.ndarray, out: np.ndarray) -> None:
        """Every output is the sum of values times maps; row after row, the first ones of the first output.

        Args:
            maps: (g, rows of an output * row_places, positions), for equal parts of the outputs.
            out: (n, positions), of the type of the maps: float32, or for codes also int32 or int64.
        """
        streams = self.mask, self.counts, self.positions, self.values
        layouts = tuple((stream.start, stream.width) for stream in streams)
        words = tuple(stream.words for stream in streams)
        _mix(words, layouts, FORMS.index(self.form), self.row_places, maps, out)


@njit(cache=True, nogil=True, fastmath={"contract"})
def _mix(
    words: tuple[np.ndarray, ...],
    layouts: tuple[tuple[int, int], ...],
    form: int,
    row_places: int,
    maps: np.ndarray,
    out: np.ndarray,
) -> None:
    """Entries are held back until there are `ENTRIES_AT_ONCE`, and then added to the output in one pass."""
    masks, counts, positions, stored = layouts
    rows, taken, floats = maps.shape[1] // row_places, 0, np.zeros(1, np.uint32)
    places, factors = np.zeros(ENTRIES_AT_ONCE, np.int64), np.zeros(ENTRIES_AT_ONCE, out.dtype)
    for i in range(len(out)):
        group, line, held = i // (len(out) // len(maps)), out[i], 0
        line[:] = 0
        for row in range(rows):
            at = i * rows + row
            steps: Any = row_places
            place: Any = -1
            if form == 2:
                steps = np.int64(_field(words[1], counts[0] + at * counts[1], counts[1]))
            for step in range(steps):
                if form == 0:
                    place = step
                elif form == 1:
                    place += 1
                    place += _set_bit(words[0], masks[0] + at * row_places + place, row_places - place)
                    if place >= row_places:
                        break
                else:
                    place = np.int64(_field(words[2], positions[0] + taken * positions[1], positions[1]))
                bits = _field(words[3], stored[0] + taken * stored[1], stored[1])
                taken += 1
                if stored[1] == 32:
                    floats[0] = np.uint32(bits)
                    factors[held] = floats.view(np.float32)[0]
                else:
                    factors[held] = _code(bits, stored[1])
                places[held] = row * row_places + place
                held += 1
                if held == ENTRIES_AT_ONCE:
                    _add_four(line, maps[group], places, factors)
                    held = 0
        factors[held:] = 0
        if held:
            _add_four(line, maps[group], places, factors)


@njit(cache=True, nogil=True, fastmath={"contract"})
def _add_four(line: np.ndarray, maps: np.ndarray, places: np.ndarray, factors: np.ndarray) -> None:
    a, b, c, d = maps[places[0]], maps[places[1]], maps[places[2]], maps[places[3]]
    p, q, r, s = factors[0], factors[1], factors[2], factors[3]
    for place in range(len(line)):
        line[place] += (p * a[place] + q * b[place]) + (r * c[place] + s * d[place])
