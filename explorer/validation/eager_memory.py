"""SRAM by another way: the module runs as it is, call by call, and what every call reads and writes is noted.

Nothing here reads an exported graph: calls are those that torch dispatches, a view is what lies in the same storage,
and a value lives until the last call that reads its storage. The conventions are those of `costmodels.memory`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["eager_peak_values", "run_watched"]

_COPIES = frozenset({"permute", "transpose", "slice", "select", "unfold", "as_strided"})
"""Views of torch that a program writes out: values come to lie in another order."""

_NEW = frozenset(
    {"convolution", "addmm", "mm", "bmm", "cat", "mean", "sum", "amax", "max", "topk", "pixel_shuffle", "glu"}
    | {"max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d"}
    | {"upsample_nearest2d", "upsample_bilinear2d", "_softmax", "_log_softmax", "index", "index_select", "gather"}
    | {"constant_pad_nd", "reflection_pad2d", "replication_pad2d", "max_unpool2d", "repeat", "adaptive_max_pool2d"}
    | {"native_dropout", "im2col", "var_mean", "embedding"}
)
"""Calls whose output has a place of its own; of all others that of an input that nothing reads later."""

_AS_THEY_ARE = frozenset({"clone", "_unsafe_view", "_to_copy", "lift_fresh"})
"""What torch copies only to have it in order."""


@dataclass
class _Call:
    name: str
    reads: list[int]
    writes: int
    values: int
    is_view: bool


def eager_peak_values(module: nn.Module, example: Sequence[Tensor]) -> int:
    """The most values that lie in memory at once, inputs of the network apart: bytes, at 8 bits each.

    Args:
        module: in evaluation mode.
        example: inputs of one image.
    """
    notes, outputs = run_watched(module, example, _Notes)
    kept = [part for part in pytree.tree_leaves(outputs) if isinstance(part, Tensor)]
    calls = list(_without_padding(_joined_slices(notes.calls)))
    return _peak(calls, [notes.place(part) for part in notes.inputs], [notes.place(part) for part in kept])


def run_watched(
    module: nn.Module, example: Sequence[Tensor], watch: Callable[[Sequence[Tensor]], Any]
) -> tuple[Any, Any]:
    """A module run on tensors without values, or with values where these tell a size; what watched, and the outputs.

    Args:
        module: in evaluation mode.
        example: its inputs.
        watch: makes a context, of the inputs.
    """
    try:
        with FakeTensorMode(allow_non_fake_inputs=True) as fake, torch.no_grad():
            inputs = [fake.from_tensor(tensor) for tensor in example]
            with watch(inputs) as watching:
                return watching, module(*inputs)
    except DynamicOutputShapeException:
        with torch.no_grad(), watch(example) as watching:
            return watching, module(*example)


class _Notes(TorchDispatchMode):
    """Notes the calls that compute activations. A place is a storage, or a number below 0 for what a program copies."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[_Call] = []
        self.inputs = inputs
        self._kept: list[Any] = list(inputs)  # a storage that is kept is not given out again
        self._storages = {tensor.untyped_storage()._cdata for tensor in inputs}
        self._copies: dict[int, int] = {}

    def place(self, tensor: Tensor) -> int:
        """Where a tensor lies."""
        return self._copies.get(id(tensor), int(tensor.untyped_storage()._cdata))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        value = func(*args, **(kwargs or {}))
        name = func._schema.name.partition("::")[2].rstrip("_")
        given = [one for one in pytree.tree_leaves((args, kwargs or {})) if isinstance(one, Tensor)]
        reads = [one for one in given if self._is_activation(one)]
        made = [one for one in pytree.tree_leaves(value) if isinstance(one, Tensor)]
        if not made or (given and not reads):
            return value
        self._kept += [*made, *given]
        if name.endswith(("_with_indices", "batch_norm")):  # what training needs
            made = made[:1]
        places = [self.place(other) for other in reads]
        for one in made:
            self._note(name, one, places, {other.untyped_storage()._cdata for other in reads})
        return value

    def _is_activation(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self._storages

    def _note(self, name: str, made: Tensor, reads: list[int], storages: set[int]) -> None:
        storage = int(made.untyped_storage()._cdata)
        is_view = storage in storages
        self._storages.add(storage)
        if is_view and name in _COPIES:
            self._copies[id(made)] = -1 - len(self.calls)
            is_view = False
        elif is_view and reads[0] < 0:  # of a copy
            self._copies[id(made)] = reads[0]
        self.calls.append(_Call(name, reads, self.place(made), made.numel(), is_view))


def _joined_slices(calls: Sequence[_Call]) -> Iterator[_Call]:
    """The calls, slices of several dimensions in one copy, and slices that take everything in none."""
    same: dict[int, int] = {}
    sizes: dict[int, int] = {}
    readers = _readers(calls)
    for call in calls:
        call.reads = [same.get(place, place) for place in call.reads]
        if call.name == "slice":
            is_whole = sizes.get(call.reads[0]) == call.values
            if is_whole or readers.get(call.writes) == ["slice"]:
                same[call.writes] = call.reads[0]
                continue
        sizes[call.writes] = call.values
        yield call


def _without_padding(calls: Iterator[_Call]) -> Iterator[_Call]:
    """The calls, without padding that convolutions add while they read."""
    everything = list(calls)
    readers = _readers(everything)
    for call in everything:
        if call.name == "constant_pad_nd" and set(readers.get(call.writes, ["other"])) == {"convolution"}:
            call.is_view = True
        yield call


def _readers(calls: Sequence[_Call]) -> dict[int, list[str]]:
    """By place the names of the calls that read it."""
    readers: dict[int, list[str]] = {}
    for call in calls:
        for place in call.reads:
            readers.setdefault(place, []).append(call.name)
    return readers


def _peak(calls: Sequence[_Call], inputs: Sequence[int], outputs: Sequence[int]) -> int:
    """The most values in all places at a call."""
    joined = _Places(calls, inputs, outputs)
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for time, call in enumerate(calls):
        for place in (*call.reads, call.writes):
            starts.setdefault(joined.of(place), time)
            ends[joined.of(place)] = time
    ends |= {joined.of(place): len(calls) for place in outputs}
    given = {joined.of(place) for place in inputs}
    return max(
        sum(size for place, size in joined.sizes.items() if place not in given and starts[place] <= time <= ends[place])
        for time in range(len(calls))
    )


class _Places:
    """Which places are one, as calls write over what nothing reads later."""

    def __init__(self, calls: Sequence[_Call], inputs: Sequence[int], outputs: Sequence[int]) -> None:
        self._same: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        lasts = _last_reads(calls, outputs)
        given = set(inputs)
        for time, call in enumerate(calls):
            if (call.is_view and call.reads and call.writes not in call.reads) or (
                call.name in _AS_THEY_ARE and call.reads
            ):
                self._join(call.writes, call.reads[0], lasts)
            elif call.name not in _NEW | _COPIES and call.writes not in call.reads:
                self._overwrite(call, time, lasts, given)
            place = self.of(call.writes)
            if not call.is_view or place not in self.sizes:
                self.sizes[place] = max(self.sizes.get(place, 0), call.values)

    def of(self, place: int) -> int:
        """The place that it is in the end."""
        while place in self._same:
            place = self._same[place]
        return place

    def _join(self, place: int, other: int, lasts: dict[int, int]) -> None:
        own, taken = self.of(place), self.of(other)
        if own != taken:
            self._same[own] = taken
            lasts[taken] = max(lasts.get(taken, -1), lasts.get(own, -1))

    def _overwrite(self, call: _Call, time: int, lasts: dict[int, int], given: set[int]) -> None:
        for place in map(self.of, call.reads):
            if lasts[place] <= time and self.sizes.get(place, 0) >= call.values and place not in given:
                self._join(call.writes, place, lasts)
                return


def _last_reads(calls: Sequence[_Call], outputs: Sequence[int]) -> dict[int, int]:
    lasts: dict[int, int] = {}
    for time, call in enumerate(calls):
        lasts |= dict.fromkeys(call.reads, time)
        lasts.setdefault(call.writes, time)
    return lasts | dict.fromkeys(outputs, len(calls))
