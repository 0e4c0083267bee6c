"""Reading pickles of NumPy arrays and plain values without running anything that they name.

A pickle is a program: it may name any callable and have it called. This reader looks no name up. Where a pickle names
one of the few callables below, it gets a stand-in from this file; any other name ends the reading. The stand-ins build
bytes and arrays of plain numbers from what the pickle itself holds, and nothing else: nothing is imported, and no real
class or function comes into a pickle's reach. Before that, every instruction is looked at without being followed: only
those that such files need may be there, and none may ask for more memory than the file's own size.

Source: Python's documentation of `pickle.Unpickler.find_class`, "Restricting Globals", and of `pickletools.genops`;
NumPy's `ndarray.__reduce__` and `dtype.__reduce__`, whose forms are what is understood here.
"""

import io
import math
import pickle
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["PlainPickleError", "load_plain"]

_MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "_codecs")
_NUMBER_CODES = frozenset({"u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "b1"})
_INSTRUCTIONS = frozenset(
    {"PROTO", "FRAME", "STOP", "MARK", "POP", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "LIST"}
    | {"APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "GLOBAL", "STACK_GLOBAL", "REDUCE"}
    | {"BUILD", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET", "NONE", "NEWTRUE"}
    | {"NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT", "STRING", "BINSTRING"}
    | {"SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"}
)


class PlainPickleError(ValueError):
    """A pickle that is damaged, or holds more than arrays of numbers and plain values."""


class _Dtype:
    """Stands for `numpy.dtype`: a type of plain numbers by its code, such as ``u1``."""

    def __init__(self, code: object = None, *_: object) -> None:
        text = code.decode("latin-1") if isinstance(code, bytes) else code
        if not isinstance(text, str) or text not in _NUMBER_CODES:
            raise PlainPickleError(f"an array of the type {text!r}")
        self.code, self.order = text, "<"

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1:
            order = state[1].decode("latin-1") if isinstance(state[1], bytes) else state[1]
            self.order = ">" if order == ">" else "<"


class _Array:
    """Stands for `numpy.ndarray`: shape, type, order and bytes, as its pickles give them."""

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: object) -> None:
        match state:
            case (_, tuple() as shape, _Dtype() as dtype, bool() | int() as fortran, bytes() | bytearray() as data):
                numbers = np.dtype(dtype.order + dtype.code)
                if not all(isinstance(size, int) and size >= 0 for size in shape):
                    raise PlainPickleError(f"an array of the shape {shape!r}")
                if math.prod(shape) * numbers.itemsize != len(data):
                    raise PlainPickleError(f"an array of the shape {shape!r} in {len(data):,} bytes")
                self.value = np.frombuffer(data, numbers).reshape(shape, order="F" if fortran else "C")
            case _:
                raise PlainPickleError("an array in an unknown form")


def _array(*_: object) -> _Array:
    return _Array()


def _dtype(*arguments: object) -> _Dtype:
    return _Dtype(*arguments)


def _encoded(text: object, encoding: object = "latin1", *_: object) -> bytes:
    """Bytes as Python 3 writes them for Python 2; no codec but this one is known."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise PlainPickleError("bytes in an unknown form")
    return text.encode("latin-1")


class _StandIn:
    """Calls a function of this file; a pickle can neither read nor change anything of it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise PlainPickleError("a change to what it names")


_STAND_INS = {
    "_reconstruct": _StandIn(_array),
    "ndarray": _StandIn(_array),
    "dtype": _StandIn(_dtype),
    "encode": _StandIn(_encoded),
}


class _Reader(pickle.Unpickler):
    """An unpickler that finds stand-ins and nothing else."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """The stand-in of that name."""
        if module_name in _MODULES and global_name in _STAND_INS:
            return _STAND_INS[global_name]
        raise PlainPickleError(f"the name {module_name}.{global_name}, which no array needs")

    def persistent_load(self, pid: Any) -> Any:
        """Refuses what lies outside the file."""
        raise PlainPickleError("a reference to something outside the file")


def load_plain(content: bytes) -> Any:
    """What a pickle holds: dictionaries, lists, tuples, bytes, text, numbers, None and arrays of plain numbers.

    Text of Python 2 becomes bytes. Arrays are found in dictionaries, lists and tuples at any depth.

    Raises:
        PlainPickleError: it is damaged, or holds or names anything else; nothing was run.
    """
    try:
        _check_instructions(content)
        found = _Reader(io.BytesIO(content), encoding="bytes", fix_imports=False).load()
        return _plain(found, depth=0)
    except PlainPickleError:
        raise
    except RecursionError as error:
        raise PlainPickleError("values nested too deeply") from error
    except Exception as error:  # the standard library's reader raises almost anything on damaged input
        reason = str(error) or "it ends too early"
        raise PlainPickleError(f"damage: {reason}") from error


def _check_instructions(content: bytes) -> None:
    """Refuses instructions that a file of arrays does not need, and places in memory beyond the file's size."""
    for instruction, argument, _ in pickletools.genops(content):
        if instruction.name not in _INSTRUCTIONS:
            raise PlainPickleError(f"the instruction {instruction.name}, which no array needs")
        if instruction.name in ("PUT", "LONG_BINPUT") and int(argument or 0) > len(content):
            raise PlainPickleError(f"the place {argument:,} in the memory of a file of {len(content):,} bytes")


def _plain(value: Any, depth: int) -> Any:
    """The value with stand-ins of arrays replaced by the arrays."""
    if depth > 20:
        raise PlainPickleError("values nested too deeply")
    if isinstance(value, _Array):
        if value.value is None:
            raise PlainPickleError("an array without content")
        return value.value
    if type(value) is dict:
        return {_plain(key, depth + 1): _plain(item, depth + 1) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(item, depth + 1) for item in value)
    if value is None or type(value) in (bytes, str, int, float, bool):
        return value
    raise PlainPickleError(f"a {type(value).__name__}")
