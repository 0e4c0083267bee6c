"""Two register tiles of float32 sums: rows under a factor each, and the same rows under several weights.

A row is `TILE` floats of a flat array, from any place on. `add_rows` takes each row from a place of its own and keeps
one sum; `weigh_rows` keeps up to `MOST_SUMS` of them, so that a row is loaded once for all. They are written for
vectors of 512 bits, which LLVM makes into what the host has; how many are carried at once depends on its registers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from costmodels.kernels.engine.emitting import array_data, emit_loop, load_vector, splat, store_vector
from costmodels.schemes.linear_representation.work import MOST_SUMS, ROW

__all__ = ["MOST_SUMS", "TILE", "add_rows", "aligned_zeros", "weigh_rows"]

TILE = ROW
LANES = 16
INDEX, FLOAT = ir.IntType(64), ir.FloatType()
FUSED = ("contract",)
"""Multiply and add may be one instruction."""


def aligned_zeros(values: int) -> np.ndarray:
    """Zeros of float32 that start a cache line: a vector that reaches over two of them takes twice as long to load."""
    spare = np.zeros(values + LANES, np.float32)
    first = -spare.ctypes.data // spare.itemsize % LANES
    return spare[first : first + values]


def _add_rows(
    source: Any, start: Any, offsets: Any, factors: Any, first: Any, last: Any, target: Any, place: Any, fresh: Any
) -> None:
    """Adds rows times their factors to a row.

    Args:
        source: (values,) float32.
        start: added to every offset.
        offsets: int32.
        factors: float32.
        first: the first row to add.
        last: the one after the last row, more than ``first``.
        target: (values,) float32.
        place: of the row in it.
        fresh: whether it counts as zeros.
    """
    rows = source[start + offsets[first:last, None] + np.arange(TILE)]
    sums = np.float32(0) if fresh else target[place : place + TILE]
    target[place : place + TILE] = sums + factors[first:last] @ rows


def _weigh_rows(
    source: Any, start: Any, offsets: Any, first: Any, last: Any, weights: Any, at: Any, steps: Any, target: Any,
    place: Any, step: Any, sums: Any, fresh: Any,
) -> None:  # fmt: skip
    """Adds the same rows to several rows, each under its own weights.

    Args:
        source: (values,) float32.
        start: added to every offset.
        offsets: int32.
        first: the first row to add.
        last: the one after the last row, more than ``first``.
        weights: (values,) float32.
        at: of the first one.
        steps: from one row's to the next, and from one sum's.
        target: (values,) float32.
        place: of the first sum's row in ``target``.
        step: from one sum's row to the next.
        sums: how many, up to `MOST_SUMS`.
        fresh: whether the sums' rows count as zeros.
    """
    rows = source[start + offsets[first:last, None] + np.arange(TILE)]
    factors = weights[at + steps[0] * np.arange(last - first) + steps[1] * np.arange(sums)[:, None]]
    places = place + step * np.arange(sums)[:, None] + np.arange(TILE)
    target[places] = (np.float32(0) if fresh else target[places]) + factors @ rows


add_rows, weigh_rows = _add_rows, _weigh_rows


@overload(_add_rows)
def _compiled_add_rows(
    source: Any, start: Any, offsets: Any, factors: Any, first: Any, last: Any, target: Any, place: Any, fresh: Any
) -> Callable[..., None]:
    """In registers."""

    def tile(
        source: Any, start: Any, offsets: Any, factors: Any, first: Any, last: Any, target: Any, place: Any, fresh: Any
    ) -> None:
        _add_tile(source, offsets, factors, target, start, first, last, place, fresh)  # type: ignore[call-arg]

    return tile


@overload(_weigh_rows)
def _compiled_weigh_rows(
    source: Any, start: Any, offsets: Any, first: Any, last: Any, weights: Any, at: Any, steps: Any, target: Any,
    place: Any, step: Any, sums: Any, fresh: Any,
) -> Callable[..., None]:  # fmt: skip
    """In registers."""

    def tile(
        source: Any, start: Any, offsets: Any, first: Any, last: Any, weights: Any, at: Any, steps: Any, target: Any,
        place: Any, step: Any, sums: Any, fresh: Any,
    ) -> None:  # fmt: skip
        row, item = steps
        if sums == 4:
            _weigh_four(source, offsets, weights, target, start, first, last, at, row, item, place, step, fresh)
        elif sums == 3:
            _weigh_three(source, offsets, weights, target, start, first, last, at, row, item, place, step, fresh)
        elif sums == 2:
            _weigh_two(source, offsets, weights, target, start, first, last, at, row, item, place, step, fresh)
        else:
            _weigh_one(source, offsets, weights, target, start, first, last, at, row, item, place, step, fresh)

    return tile


@intrinsic
def _add_tile(
    context: Any, source: Any, offsets: Any, factors: Any, target: Any, start: Any, first: Any, last: Any, place: Any,
    fresh: Any,
) -> Any:  # fmt: skip
    return types.void(source, offsets, factors, target, *[types.int64] * 4, types.boolean), _emit_add


def _emit_add(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emits `_add_rows`: one loop over the rows, the whole sum in registers."""
    source, offsets, factors, target = array_data(context, builder, signature.args[:4], arguments[:4])
    start, first, last, place, fresh = arguments[4:]
    places = [builder.add(place, INDEX(part)) for part in range(0, TILE, LANES)]

    def add_row(step: Any, sums: list[Any]) -> list[Any]:
        row = builder.add(first, step)
        factor = splat(builder, builder.load(builder.gep(factors, [row])), LANES)
        lines = _row(builder, source, start, builder.load(builder.gep(offsets, [row])), range(0, TILE, LANES))
        return [_multiply_add(builder, total, factor, line) for total, line in zip(sums, lines, strict=True)]

    sums = emit_loop(builder, builder.sub(last, first), _sums_so_far(builder, target, places, fresh), add_row)
    for total, at in zip(sums, places, strict=True):
        store_vector(builder, total, target, at)
    return context.get_dummy_value()


def _row(builder: Any, source: Any, start: Any, offset: Any, parts: range) -> list[Any]:
    """Parts of a row, each a vector."""
    begin = builder.add(start, builder.sext(offset, INDEX))
    return [load_vector(builder, source, builder.add(begin, INDEX(part)), LANES) for part in parts]


def _sums_so_far(builder: Any, target: Any, places: list[Any], fresh: Any) -> list[Any]:
    zeros = ir.VectorType(FLOAT, LANES)([0.0] * LANES)
    return [builder.select(fresh, zeros, load_vector(builder, target, place, LANES)) for place in places]


def _multiply_add(builder: Any, total: Any, left: Any, right: Any) -> Any:
    return builder.fadd(total, builder.fmul(left, right, flags=FUSED), flags=FUSED)


def _weighing(sums: int) -> Any:
    """The tile of so many sums."""

    @intrinsic
    def tile(
        context: Any, source: Any, offsets: Any, weights: Any, target: Any, start: Any, first: Any, last: Any, at: Any,
        row: Any, item: Any, place: Any, step: Any, fresh: Any,
    ) -> Any:  # fmt: skip
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            width = TILE if "+avx512f" in context.codegen().magic_tuple()[2] else LANES
            arrays = array_data(context, builder, signature.args[:4], arguments[:4])
            for begin in range(0, TILE, width):
                _emit_weigh(sums, range(begin, begin + width, LANES), builder, arrays, arguments[4:])
            return context.get_dummy_value()

        return types.void(source, offsets, weights, target, *[types.int64] * 8, types.boolean), emit

    return tile


def _emit_weigh(count: int, parts: range, builder: Any, arrays: list[Any], numbers: list[Any]) -> None:
    """Emits `_weigh_rows` of so many sums, for some parts of the rows: one loop over the rows, sums in registers."""
    source, offsets, weights, target = arrays
    start, first, last, at, row_step, item_step, place, step, fresh = numbers
    rows = [builder.add(place, builder.mul(step, INDEX(item))) for item in range(count)]
    places = [builder.add(row, INDEX(part)) for row in rows for part in parts]
    columns = [builder.add(at, builder.mul(item_step, INDEX(item))) for item in range(count)]

    def add_row(number: Any, sums: list[Any]) -> list[Any]:
        offset = builder.load(builder.gep(offsets, [builder.add(first, number)]))
        lines = _row(builder, source, start, offset, parts)
        down = builder.mul(number, row_step)
        factors = [builder.load(builder.gep(weights, [builder.add(column, down)])) for column in columns]
        pairs = [(splat(builder, factor, LANES), line) for factor in factors for line in lines]
        return [_multiply_add(builder, total, *pair) for total, pair in zip(sums, pairs, strict=True)]

    totals = emit_loop(builder, builder.sub(last, first), _sums_so_far(builder, target, places, fresh), add_row)
    for total, at_ in zip(totals, places, strict=True):
        store_vector(builder, total, target, at_)


_weigh_one, _weigh_two, _weigh_three, _weigh_four = (_weighing(sums) for sums in range(1, MOST_SUMS + 1))
