"""The register tile of the XNOR-popcount kernel: `LANES` filters side by side over `ROWS` windows, counts in registers.

A word of weights is loaded once for four windows. The tile is emitted for the instructions of the host:

- with vpopcntq of AVX-512, words are counted as they are, eight in a register of 512 bits;
- with AVX2, `PARTS` is 2: a word lies as its low and its high nibbles, so that one byte shuffle looks up sixteen counts
  without masks and shifts (Mula's method, Mula, Kurz & Lemire, The Computer Journal 61, 2018), and counts stay bytes
  until they might overflow;
- otherwise LLVM counts with plain arithmetic.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload

from costmodels.kernels.engine.emitting import emit_loop, splat
from costmodels.kernels.engine.planes import WORD_BITS
from costmodels.machine.limits import LANES, ROWS

__all__ = ["PARTS", "in_parts", "tile"]

_FEATURES = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
PARTS = 2 if "+avx2" in _FEATURES and "+avx512vpopcntdq" not in _FEATURES else 1
"""Words that a word of bits lies in: itself, or its low nibbles and its high ones, each in bytes of their own."""

NIBBLES = 0x0F0F0F0F0F0F0F0F
MOST_BYTES = 255 // 4
"""Nibbles counted in a byte before it overflows."""

WORD, INDEX = ir.IntType(64), ir.IntType(32)
VECTOR, BYTES, QUARTER = ir.VectorType(WORD, LANES), ir.VectorType(ir.IntType(8), 32), ir.VectorType(WORD, 4)


def in_parts(words: np.ndarray) -> np.ndarray:
    """Words (..., words) as the tile reads them, (..., words * PARTS)."""
    if PARTS == 1:
        return words
    low = np.uint64(NIBBLES)
    return np.stack([words & low, words >> np.uint64(4) & low], axis=-1).reshape(*words.shape[:-1], -1)


def _tile(
    rows: Any, weights: Any, starts: Any, factors: Any, cases: Any, lane: Any, out: Any, target: Any, step: Any
) -> None:
    """``LANES`` filters over ``ROWS`` windows: starts less factors times popcount(row xor weights), over the words.

    Args:
        rows: (words * planes, ROWS) uint64.
        weights: (filters / LANES, words, LANES) uint64.
        starts: (cases, filters) int64.
        factors: (planes,) int64.
        cases: (ROWS,) int64.
        lane: the first filter.
        out: (values,) the result: ROWS sums of each filter.
        target: where those of the first filter start in ``out``.
        step: from the sums of one filter to those of the next.
    """
    differing = rows.reshape(-1, len(factors), ROWS, 1) ^ weights[lane // LANES][:, None, None]
    counts = np.bitwise_count(differing).sum(axis=0, dtype=np.int64)
    sums = starts[cases, lane : lane + LANES] - np.tensordot(factors, counts, 1)
    out[target + step * np.arange(LANES)[:, None] + np.arange(ROWS)] = sums.T


tile = _tile


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
    count = _count_nibbles if PARTS == 2 else _count_words

    def value_at(array: Any, place: Any) -> Any:
        return builder.load(builder.gep(array.data, [place]))

    def add_plane(plane: Any, totals: list[Any]) -> list[Any]:
        def pair_at(at: Any) -> tuple[Any, list[Any]]:
            """Where the filters' words are, and the windows' words of the plane."""
            first = builder.mul(builder.add(builder.mul(at, planes), plane), WORD(ROWS))
            filters = builder.gep(weights.data, [builder.mul(builder.add(builder.mul(lane_words, words), at), EIGHT)])
            return filters, [value_at(rows, builder.add(first, WORD(row))) for row in range(ROWS)]

        factor = splat(builder, value_at(factors, plane), LANES)
        counts = count(builder, words, pair_at)
        return [builder.sub(total, builder.mul(found, factor)) for total, found in zip(totals, counts, strict=True)]

    lane_words = builder.udiv(lane, EIGHT)
    places = [builder.mul(value_at(cases, WORD(row)), width) for row in range(ROWS)]
    totals = [_vector_at(builder, builder.gep(starts.data, [builder.add(place, lane)]), VECTOR) for place in places]
    totals = emit_loop(builder, planes, totals, add_plane)
    _emit_transposed(builder, totals, out.data, target, step)
    return context.get_dummy_value()


EIGHT = WORD(LANES)


def _vector_at(builder: Any, pointer: Any, kind: Any) -> Any:
    return builder.load(builder.bitcast(pointer, kind.as_pointer()), align=8)


def _count_words(builder: Any, words: Any, pair_at: Callable[[Any], tuple[Any, list[Any]]]) -> list[Any]:
    """Differing bits of every filter and each window, as LLVM counts those of words."""
    counting = ir.FunctionType(VECTOR, [VECTOR])
    popcount = cgutils.get_or_insert_function(builder.module, counting, f"llvm.ctpop.v{LANES}i64")

    def add_word(at: Any, counts: list[Any]) -> list[Any]:
        pointer, windows = pair_at(at)
        filters = _vector_at(builder, pointer, VECTOR)
        differing = [builder.xor(splat(builder, window, LANES), filters) for window in windows]
        return [
            builder.add(count, builder.call(popcount, [bits])) for count, bits in zip(counts, differing, strict=True)
        ]

    return emit_loop(builder, words, [VECTOR([0] * LANES)] * ROWS, add_word)


def _count_nibbles(builder: Any, words: Any, pair_at: Callable[[Any], tuple[Any, list[Any]]]) -> list[Any]:
    """The same from nibbles: looked up, added as bytes, and these as words before they overflow."""
    looking, adding = ir.FunctionType(BYTES, [BYTES, BYTES]), ir.FunctionType(QUARTER, [BYTES, BYTES])
    look_up = cgutils.get_or_insert_function(builder.module, looking, "llvm.x86.avx2.pshuf.b")
    add_bytes = cgutils.get_or_insert_function(builder.module, adding, "llvm.x86.avx2.psad.bw")
    table, nothing = BYTES([nibble.bit_count() for nibble in range(16)] * 2), BYTES([0] * 32)
    most = WORD(MOST_BYTES)

    def add_some(turn: Any, totals: list[Any]) -> list[Any]:
        first = builder.mul(turn, most)

        def add_word(at: Any, counts: list[Any]) -> list[Any]:
            pointer, windows = pair_at(builder.add(first, at))
            halves = [builder.gep(pointer, [WORD(place)]) for place in (0, LANES // 2)]
            filters = [_vector_at(builder, half, BYTES) for half in halves]
            added = []
            for row, window in enumerate(windows):  # one after the other, for which registers are enough
                line = builder.bitcast(splat(builder, window, LANES // 2), BYTES)
                for half, nibbles in enumerate(filters):
                    found = builder.call(look_up, [table, builder.xor(line, nibbles)])
                    added.append(builder.add(counts[2 * row + half], found))
            return added

        left = builder.sub(words, first)
        some = builder.select(builder.icmp_signed("<", left, most), left, most)
        counts = emit_loop(builder, some, [nothing] * (2 * ROWS), add_word)
        sums = [builder.call(add_bytes, [count, nothing]) for count in counts]
        return [builder.add(total, count) for total, count in zip(totals, sums, strict=True)]

    turns = builder.udiv(builder.add(words, WORD(MOST_BYTES - 1)), most)
    totals = emit_loop(builder, turns, [QUARTER([0] * 4)] * (2 * ROWS), add_some)
    order = ir.VectorType(INDEX, LANES)(list(range(LANES)))
    return [builder.shuffle_vector(*pair, order) for pair in zip(totals[::2], totals[1::2], strict=True)]


def _emit_transposed(builder: Any, totals: list[Any], data: Any, target: Any, step: Any) -> None:
    """Stores ``ROWS`` vectors of ``LANES`` as ``LANES`` vectors of ``ROWS``, in the type that ``data`` points to."""
    kind, index = data.type.pointee, INDEX
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
