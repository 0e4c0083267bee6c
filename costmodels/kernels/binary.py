"""Weights of +-1 against bit planes of activations: the XNOR-popcount kernel that every integer kernel builds on.

Channels lie along the bits of 64-bit words. Let w be signs and x one bit plane, zeros where the input is padded. Over
the bits of a window, and with bit 1 for +1,

    sum of w*x = popcount(w) - popcount(w xor x),

padding and the unused bits of a last word included: where x is 0 both terms are the same. Activations of b bits are b
planes times powers of two, the highest one negative in two's complement. Activations of +-1 are 1 at each element that
is not padding, less 2 where they are -1; the sum of the former over w is known beforehand, by the window's place.

One register tile does the work: `LANES` filters side by side and `ROWS` windows, so that a word of weights is loaded
once for four windows and the counts stay in registers. It is written for vectors of 512 bits, which LLVM makes into
what the host has: vpopcntq on zmm registers with AVX-512, shuffles with AVX2, plain arithmetic otherwise. That is the
choice by instruction set; there is no other path.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from costmodels.kernels.planes import WORD_BITS, Planes
from costmodels.shapes import ConvShape

__all__ = ["LANES", "SignBank"]

LANES = 8
"""Filters side by side: words of a register of 512 bits."""

ROWS = 4
"""Windows of a tile."""


@dataclass(frozen=True, eq=False)
class SignBank:
    """Filters of +-1, a bank for each group, ready to run.

    Args:
        shape: the layer. signs: (g, k, s, kh, kw) of -1 and 1, or booleans, True for +1.
    """

    shape: ConvShape
    signs: np.ndarray
    _known: dict[tuple[int, bool], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, init=False, repr=False)

    @property
    def filters(self) -> int:
        """k, of a group."""
        return self.signs.shape[1]

    @cached_property
    def words(self) -> np.ndarray:
        """(g, ceil(k / LANES), kh*kw*words, LANES) uint64; zeros where there is no filter."""
        groups, filters, channels, *kernel = self.signs.shape
        bits = np.moveaxis(self.signs > 0, 2, -1)
        padded = np.zeros((groups, -(-filters // LANES) * LANES, *kernel, -(-channels // 64) * 64), bool)
        padded[:, :filters, ..., :channels] = bits
        packed = np.packbits(padded, axis=-1, bitorder="little").view("<u8").astype(np.uint64)
        lanes = packed.reshape(groups, -1, LANES, packed[0, 0].size)
        return np.ascontiguousarray(np.moveaxis(lanes, 2, 3))

    @cached_property
    def _ones(self) -> np.ndarray:
        """(g, k): elements that are +1."""
        return np.asarray((self.signs > 0).sum(axis=(2, 3, 4), dtype=np.int64))

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """Which elements of the window are not padding: the distinct cases (cases, kh, kw), and each position's."""
        shape, cases, of_positions = self.shape, [], []
        for axis in range(2):
            size, pads = shape.input_size[axis], shape.pads[axis]
            starts = np.arange(shape.output_size[axis]) * shape.stride[axis] - pads[0]
            taps = starts[:, None] + np.arange(shape.kernel[axis]) * shape.dilation[axis]
            distinct, index = np.unique((taps >= 0) & (taps < size), axis=0, return_inverse=True)
            cases.append(distinct)
            of_positions.append(index.reshape(-1))
        inside = cases[0][:, None, :, None] & cases[1][None, :, None, :]
        index = of_positions[0][:, None] * len(cases[1]) + of_positions[1]
        return inside.reshape(-1, *shape.kernel), index.reshape(-1)

    @cached_property
    def _sums(self) -> np.ndarray:
        """(g, cases, k): the sum of a filter's elements that are not padding."""
        taps = np.where(self.signs > 0, 1, -1).sum(axis=2, dtype=np.int64)
        return np.einsum("gkyx,cyx->gck", taps, self._places[0].astype(np.int64))

    def _bases(self, planes: Planes) -> tuple[np.ndarray, np.ndarray]:
        """What the sums start from (g, cases, filters of whole lanes), and the case of each position."""
        key = int(planes.factors.sum()), planes.signs
        if key not in self._known:
            self._known[key] = self._make_bases(planes)
        return self._known[key]

    def _make_bases(self, planes: Planes) -> tuple[np.ndarray, np.ndarray]:
        bases = (self._ones * planes.factors.sum())[:, None]
        places = np.zeros(self.shape.positions + ROWS, np.int64)  # whole tiles from any position on
        if planes.signs:
            bases = bases + self._sums
            places[:-ROWS] = self._places[1]
        padded = np.zeros((*bases.shape[:2], self.words.shape[1] * LANES), np.int64)
        padded[..., : self.filters] = bases
        return padded, places

    def maps(self, planes: Planes, first: int, last: int, out: np.ndarray, start: int = 0) -> None:
        """The sum of every filter with its window, at the output positions from ``first`` to ``last`` - 1.

        Args:
            planes: blocks (groups times segments) of s channels.
            out: (blocks, k, positions), int32, int64 or float32, in C order. start: its first position.
        """
        bases, places = self._bases(planes)
        origins, offsets = _addresses(self.shape, planes.words.shape[2:])
        blocks = planes.words.reshape(len(planes.words), -1)
        _maps(blocks, planes.factors, self.words, bases, places, origins, offsets, first, last, start, out)


@lru_cache(maxsize=256)
def _addresses(shape: ConvShape, sizes: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where each position's window starts in the words of a block, and from there the words of a window.

    Args:
        shape: the layer. sizes: (W + pads, words, planes).
    """
    width, pixel = sizes[0], sizes[1] * sizes[2]
    y, x = (np.arange(size) * step for size, step in zip(shape.output_size, shape.stride, strict=True))
    down, right = (np.arange(size) * step for size, step in zip(shape.kernel, shape.dilation, strict=True))
    origins = np.zeros(shape.positions + ROWS, np.int64)  # whole tiles from any position on
    origins[:-ROWS] = (y[:, None] * width + x).reshape(-1) * pixel
    offsets = (down[:, None] * width + right)[..., None] * pixel + np.arange(pixel)
    return origins, offsets.reshape(-1)


@njit(cache=True, nogil=True)
def _maps(
    planes: np.ndarray,
    factors: np.ndarray,
    weights: np.ndarray,
    bases: np.ndarray,
    places: np.ndarray,
    origins: np.ndarray,
    offsets: np.ndarray,
    first: int,
    last: int,
    origin: int,
    out: np.ndarray,
) -> None:
    """Four positions at a time: their windows side by side, then every filter over them."""
    blocks, filters, span = out.shape
    flat, sums = out.reshape(-1), np.zeros(LANES * ROWS, out.dtype)
    rows = np.zeros((len(offsets), ROWS), np.uint64)
    for block in range(blocks):
        group = block // (blocks // weights.shape[0])
        bank, starts, source = weights[group], bases[group], planes[block]
        for start in range(first, last, ROWS):
            count, cases = min(ROWS, last - start), places[start : start + ROWS]
            _gather(source, origins[start : start + ROWS], offsets, rows)
            for lane in range(0, filters, LANES):
                target = (block * filters + lane) * span + start - origin
                if count == ROWS and lane + LANES <= filters:
                    _tile(rows, bank, starts, factors, cases, lane, flat, target, span)
                else:
                    _tile(rows, bank, starts, factors, cases, lane, sums, 0, ROWS)
                    for item in range(min(LANES, filters - lane)):
                        for row in range(count):
                            flat[target + item * span + row] = sums[item * ROWS + row]


@njit(cache=True, nogil=True)
def _gather(source: np.ndarray, origins: np.ndarray, offsets: np.ndarray, rows: np.ndarray) -> None:
    """The words of ``ROWS`` windows; unsigned places, which are not counted from the end."""
    for word in range(len(offsets)):
        offset = np.uint64(offsets[word])
        for row in range(ROWS):
            rows[word, row] = source[np.uint64(origins[row]) + offset]


def _tile(
    rows: Any, weights: Any, starts: Any, factors: Any, cases: Any, lane: Any, out: Any, target: Any, step: Any
) -> None:
    """``LANES`` filters over ``ROWS`` windows: starts less factors times popcount(row xor weights), over the words.

    Args:
        rows: (words * planes, ROWS) uint64. weights: (filters / LANES, words, LANES) uint64.
        starts: (cases, filters) int64. factors: (planes,) int64. cases: (ROWS,) int64. lane: the first filter.
        out: the result: each filter's ROWS sums, from ``target`` on and ``step`` apart.
    """
    differing = rows.reshape(-1, len(factors), ROWS, 1) ^ weights[lane // LANES][:, None, None]
    counts = np.bitwise_count(differing).sum(axis=0, dtype=np.int64)
    sums = starts[cases, lane : lane + LANES] - np.tensordot(factors, counts, 1)
    out[target + step * np.arange(LANES)[:, None] + np.arange(ROWS)] = sums.T


@overload(_tile)
def _compiled_tile(
    rows: Any, weights: Any, starts: Any, factors: Any, cases: Any, lane: Any, out: Any, target: Any, step: Any
) -> Callable[..., None]:
    """What `_tile` says, with everything in registers."""

    def tile(
        rows: Any, weights: Any, starts: Any, factors: Any, cases: Any, lane: Any, out: Any, target: Any, step: Any
    ) -> None:
        _register_tile(rows, weights, starts, factors, cases, out, lane, target, step)  # type: ignore[call-arg]

    return tile


@intrinsic
def _register_tile(
    context: Any, rows: Any, weights: Any, starts: Any, factors: Any, cases: Any, out: Any, lane: Any, target: Any,
    step: Any,
) -> Any:  # fmt: skip
    return types.void(rows, weights, starts, factors, cases, out, types.int64, types.int64, types.int64), _emit_tile


def _emit_tile(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emits `_tile` for arrays in C order: a loop over the planes around one over the words."""
    rows, weights, starts, factors, cases, out = (
        context.make_array(kind)(context, builder, array)
        for kind, array in zip(signature.args[:6], arguments[:6], strict=True)
    )
    lane, target, step = arguments[6:]
    words = cgutils.unpack_tuple(builder, weights.shape)[1]
    planes = cgutils.unpack_tuple(builder, factors.shape)[0]
    width = cgutils.unpack_tuple(builder, starts.shape)[1]
    word, vector = ir.IntType(64), ir.VectorType(ir.IntType(64), LANES)
    counting = ir.FunctionType(vector, [vector])
    popcount = cgutils.get_or_insert_function(builder.module, counting, f"llvm.ctpop.v{LANES}i64")

    def value_at(array: Any, place: Any) -> Any:
        return builder.load(builder.gep(array.data, [place]))

    def lanes_at(array: Any, place: Any) -> Any:
        return builder.load(builder.bitcast(builder.gep(array.data, [place]), vector.as_pointer()), align=8)

    def splat(value: Any) -> Any:
        lone = builder.insert_element(vector(ir.Undefined), value, ir.IntType(32)(0))
        return builder.shuffle_vector(lone, vector(ir.Undefined), ir.VectorType(ir.IntType(32), LANES)([0] * LANES))

    def add_plane(plane: Any, totals: list[Any]) -> list[Any]:
        def add_word(at: Any, counts: list[Any]) -> list[Any]:
            filters = lanes_at(weights, builder.add(builder.mul(lane, words), builder.mul(at, word(LANES))))
            first = builder.mul(builder.add(builder.mul(at, planes), plane), word(ROWS))
            differing = [
                builder.xor(splat(value_at(rows, builder.add(first, word(row)))), filters) for row in range(ROWS)
            ]
            return [
                builder.add(count, builder.call(popcount, [bits]))
                for count, bits in zip(counts, differing, strict=True)
            ]

        counts = _emit_loop(builder, words, [vector([0] * LANES)] * ROWS, add_word)
        factor = splat(value_at(factors, plane))
        return [builder.sub(total, builder.mul(count, factor)) for total, count in zip(totals, counts, strict=True)]

    of_rows = [value_at(cases, word(row)) for row in range(ROWS)]
    totals = [lanes_at(starts, builder.add(builder.mul(case, width), lane)) for case in of_rows]
    totals = _emit_loop(builder, planes, totals, add_plane)
    _emit_transposed(builder, totals, out.data, target, step)
    return context.get_dummy_value()


def _emit_loop(builder: Any, steps: Any, values: list[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
    """Emits ``values = body(step, values)`` for every step; at least one is taken."""
    before, inside, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
    builder.branch(inside)
    builder.position_at_end(inside)
    step, carried = builder.phi(steps.type), [builder.phi(value.type) for value in values]
    results = body(step, list(carried))
    following = builder.add(step, steps.type(1))
    end = builder.block
    builder.cbranch(builder.icmp_signed("<", following, steps), inside, after)
    firsts = [steps.type(0), *values]
    for phi, first, result in zip([step, *carried], firsts, [following, *results], strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(result, end)
    builder.position_at_end(after)
    return results


def _emit_transposed(builder: Any, totals: list[Any], data: Any, target: Any, step: Any) -> None:
    """Stores ``ROWS`` vectors of ``LANES`` as ``LANES`` vectors of ``ROWS``, in the type that ``data`` points to."""
    kind, index = data.type.pointee, ir.IntType(32)
    lanes = ir.VectorType(kind, LANES)
    if isinstance(kind, ir.FloatType):
        totals = [builder.sitofp(total, lanes) for total in totals]
    elif kind.width < WORD_BITS:
        totals = [builder.trunc(total, lanes) for total in totals]

    def joined(left: Any, right: Any) -> Any:
        size = 2 * left.type.count
        return builder.shuffle_vector(left, right, ir.VectorType(index, size)(list(range(size))))

    while len(totals) > 1:
        totals = [joined(*pair) for pair in zip(totals[::2], totals[1::2], strict=True)]
    for item in range(LANES):
        order = ir.VectorType(index, ROWS)([row * LANES + item for row in range(ROWS)])
        line = builder.shuffle_vector(totals[0], totals[0], order)
        place = builder.gep(data, [builder.add(target, builder.mul(step, target.type(item)))])
        builder.store(line, builder.bitcast(place, line.type.as_pointer()), align=4)
