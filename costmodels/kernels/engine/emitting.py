"""Pieces of LLVM code that the register tiles are emitted from."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

__all__ = ["array_data", "emit_loop", "load_vector", "splat", "store_vector"]


def array_data(context: Any, builder: Any, kinds: tuple[Any, ...], arrays: tuple[Any, ...]) -> list[Any]:
    """Pointers to the first elements of arrays in C order."""
    return [context.make_array(kind)(context, builder, array).data for kind, array in zip(kinds, arrays, strict=True)]


def emit_loop(builder: Any, steps: Any, values: list[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
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


def splat(builder: Any, value: Any, lanes: int) -> Any:
    """A vector of so many lanes, each of them the value."""
    undefined, index = ir.VectorType(value.type, lanes)(ir.Undefined), ir.IntType(32)
    lone = builder.insert_element(undefined, value, index(0))
    return builder.shuffle_vector(lone, undefined, ir.VectorType(index, lanes)([0] * lanes))


def load_vector(builder: Any, data: Any, place: Any, lanes: int) -> Any:
    """Elements from a place on, wherever it lies."""
    kind = ir.VectorType(data.type.pointee, lanes)
    return builder.load(builder.bitcast(builder.gep(data, [place]), kind.as_pointer()), align=4)


def store_vector(builder: Any, vector: Any, data: Any, place: Any) -> None:
    """Elements from a place on, wherever it lies."""
    builder.store(vector, builder.bitcast(builder.gep(data, [place]), vector.type.as_pointer()), align=4)
