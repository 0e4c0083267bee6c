"""A first run of a network from a file, in which no operation takes more memory or time than a bound.

Each operation is asked for the sizes of its results on tensors without values before it runs.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from explorer.deployment.packed.manifest import MOST_VALUES
from explorer.system.errors import PackedFileError

__all__ = ["BoundedRun", "sizes_only"]

MOST_BYTES = 2**28
"""Of all tensors that are there at once."""

MOST_WORK = 2**32
"""Values that are read or written by all operations but the packed layers."""

_LARGEST = 2**63
_SIZED_BY_VALUES = ("nonzero", "index")
"""Operations whose results are as large as values say, and no larger than what they read."""


def sizes_only(function: Callable[..., Any]) -> Callable[..., Any]:
    """Arithmetic of Python on sizes: of whole numbers of 63 bits and floats, and of nothing that it would repeat.

    Args:
        function: of the module operator.
    """

    def call(*arguments: Any) -> Any:
        for value in arguments:
            _check_number(value)
        found = function(*arguments)
        _check_number(found)
        return found

    return call


def _check_number(value: Any) -> None:
    is_number = isinstance(value, (int, float, Tensor))
    if not is_number or (isinstance(value, int) and abs(value) >= _LARGEST):
        found = "a longer one" if isinstance(value, int) else type(value).__name__
        raise PackedFileError("arithmetic on sizes is of numbers of 63 bits", found, "export it again")


class BoundedRun(TorchDispatchMode):
    """Within it, an operation that would take more than the bounds is refused before it runs.

    Raises:
        PackedFileError: it would.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._work = 0
        self._alive: dict[StorageWeakRef, int] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled within it; torch would load its compiler to say so, which takes longer than all else."""
        return False

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The operation's result, its sizes found to be within the bounds."""
        named = dict(kwargs or {})
        given = [value for value in tree_leaves((args, named)) if isinstance(value, Tensor)]
        self._note(given)
        made = _made(func, args, named)
        self._check(func, args, given, made)
        found = func(*args, **named)
        self._note(value for value in tree_leaves(found) if isinstance(value, Tensor))
        return found

    def _note(self, tensors: Any) -> None:
        for tensor in tensors:
            storage = tensor.untyped_storage()
            self._alive[StorageWeakRef(storage)] = storage.nbytes()

    def _check(self, function: Any, arguments: tuple[Any, ...], given: list[Tensor], made: list[Tensor]) -> None:
        name = str(function).removeprefix("aten.")
        largest = max((value.numel() for value in made), default=0)
        if largest > MOST_VALUES:
            raise _refused(f"{largest:,} of {name}", f"a tensor has at most {MOST_VALUES:,} values")
        self._work += _work(name, arguments, given, made)
        if self._work > MOST_WORK:
            raise _refused(f"more with {name}", f"operations read and write {MOST_WORK:,} values at most")
        new = sum(value.numel() * value.element_size() for value in made)
        if sum(self._alive.values()) + new > MOST_BYTES:
            self._alive = {key: size for key, size in self._alive.items() if not key.expired()}
        if sum(self._alive.values()) + new > MOST_BYTES:
            raise _refused(f"more with {name}", f"activations take {MOST_BYTES:,} bytes at most")


def _made(function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> list[Tensor]:
    """The new tensors that an operation makes, without values; none for a view, and where values say how large they
    are."""
    name = str(function).removeprefix("aten.").partition(".")[0]
    if name in _SIZED_BY_VALUES:
        return []
    if torch.Tag.pointwise in getattr(function, "tags", ()):
        return [] if name.endswith("_") else _pointwise(arguments, named)
    arguments, named = tree_map(_without_values, (arguments, named))
    given = [value for value in tree_leaves((arguments, named)) if isinstance(value, Tensor)]
    if "device" in named or not given:
        named["device"] = torch.device("meta")
    made = [value for value in tree_leaves(function(*arguments, **named)) if isinstance(value, Tensor)]
    known = {value.untyped_storage()._cdata for value in given}
    return [value for value in made if value.untyped_storage()._cdata not in known]


def _pointwise(arguments: tuple[Any, ...], named: dict[str, Any]) -> list[Tensor]:
    """What an operation on each value by itself makes, of 4 bytes a value or more. torch, asked for the sizes of some
    of these operations, loads its compiler, which takes longer than all else."""
    given = [value for value in tree_leaves((arguments, named)) if isinstance(value, Tensor)]
    if not given:
        return []
    widest = max((value.dtype for value in given), key=lambda kind: kind.itemsize)
    kind = widest if widest.itemsize >= torch.float32.itemsize else torch.float32
    shape = torch.broadcast_shapes(*(value.shape for value in given))
    return [torch.empty(shape, dtype=kind, device="meta")]


def _without_values(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")


def _work(name: str, arguments: tuple[Any, ...], given: list[Tensor], made: list[Tensor]) -> int:
    """Values that an operation reads and writes: those of a window for each result where it has windows."""
    values, results = (sum(value.numel() for value in tensors) for tensors in (given, made))
    if not made:
        return 0
    if name.startswith(("conv", "linear")) and len(given) > 1:
        return results * max(given[1].numel() // max(given[1].shape[0], 1), 1)
    if "pool" in name and "adaptive" not in name:
        return values + results * math.prod(_window(arguments))
    return values + results


def _window(arguments: tuple[Any, ...]) -> list[int]:
    """The sides of a pooling's window, which is square where one is given."""
    sides = arguments[1] if len(arguments) > 1 else 1
    return list(sides) * (2 if len(sides) == 1 else 1) if isinstance(sides, (list, tuple)) else [int(sides)] * 2


def _refused(found: str, rule: str) -> PackedFileError:
    return PackedFileError(rule, found, "give a file that filterfront wrote")
