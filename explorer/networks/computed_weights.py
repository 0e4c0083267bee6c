"""Modules that compute the weights they convolve with: standardized, masked, binarized or sliced weights.

What forward computes from parameters alone is the same in every inference, so it is evaluated once, and a plain layer
that holds the result takes the module's place. So it is found while the network runs: a module that calls a
convolution or a linear layer once, on its own input and as its own output, with weights that are no parameter and that
do not follow the input.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

__all__ = ["evaluate_computed_weights"]

_NAMES = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_KINDS: Mapping[Callable[..., Any], type[nn.Module]] = {
    torch.conv1d: nn.Conv1d,
    torch.conv2d: nn.Conv2d,
    functional.linear: nn.Linear,
}


def evaluate_computed_weights(module: nn.Module, inputs: Sequence[tuple[Tensor, ...]]) -> tuple[str, ...]:
    """Puts plain layers in the place of modules that compute their weights.

    Args:
        module: in evaluation mode; it is changed in place, unless its answers would change with it.
        inputs: at least two of the network, on which weights that follow the input differ.

    Returns:
        The paths of what was replaced; none where the network does not run on an input.
    """
    try:
        before, runs = zip(*(_run(module, given) for given in inputs), strict=True)
    except Exception:  # the trace says why it does not run
        return ()
    places = [(path, part) for path, part in module.named_modules(remove_duplicate=False) if path and part in runs[0]]
    layers = {part: _plain(tuple(call for run in runs for call in run.get(part, ()))) for _, part in places}
    found = [(path, part, layer) for path, part in places if (layer := layers[part]) is not None]
    if not found:
        return ()
    _put(module, [(path, layer) for path, _, layer in found])
    after = [_run(module, given)[0] for given in inputs]
    if not all(torch.allclose(*pair, rtol=1e-4, atol=1e-5) for pair in zip(_flat(before), _flat(after), strict=True)):
        _put(module, [(path, part) for path, part, _ in found])
        return ()
    return tuple(path for path, _, _ in found)


@dataclass
class _Call:
    """One call of a module, and the layers that its forward calls itself."""

    inputs: tuple[Any, ...]
    layers: list[tuple[type[nn.Module], dict[str, Any], Any]] = field(default_factory=list)
    output: Any = None


class _Watch(TorchFunctionMode):
    """Notes convolutions and linear layers with the innermost module that calls them."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[_Call] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        value = func(*args, **(kwargs or {}))
        if func in _KINDS and self.running:
            given = dict(zip(_NAMES, args, strict=False)) | (kwargs or {})
            self.running[-1].layers.append((_KINDS[func], given, value))
        return value


def _run(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Any, dict[nn.Module, list[_Call]]]:
    """What the module answers, and the calls of its parts that are no classes of torch."""
    calls: dict[nn.Module, list[_Call]] = {}
    with torch.no_grad(), _Watch() as watch, _hooked(module, watch, calls):
        return module(*inputs), calls


@contextmanager
def _hooked(module: nn.Module, watch: _Watch, calls: dict[nn.Module, list[_Call]]) -> Iterator[None]:
    def begin(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        watch.running.append(_Call(inputs))

    def end(part: nn.Module, _: Any, output: Any) -> None:
        call = watch.running.pop()
        call.output = output
        calls.setdefault(part, []).append(call)

    own = [part for part in module.modules() if not type(part).__module__.startswith("torch.nn.modules")]
    handles = [part.register_forward_pre_hook(begin) for part in own]
    handles += [part.register_forward_hook(end) for part in own]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _plain(calls: Sequence[_Call]) -> nn.Module | None:
    """The plain layer that computes what all these calls of a module do; none where there is no such."""
    if not calls or any(len(call.layers) != 1 for call in calls):
        return None
    kind, given, _ = calls[0].layers[0]
    weight = given["weight"]
    if isinstance(weight, nn.Parameter):
        return None
    for call in calls:
        other_kind, other, output = call.layers[0]
        is_whole = len(call.inputs) == 1 and other["input"] is call.inputs[0] and output is call.output
        if not is_whole or other_kind is not kind or not _same(given, other):
            return None
    return _layer(kind, given)


def _same(given: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two calls differ in their input at most."""

    def equal(one: Any, another: Any) -> bool:
        if isinstance(one, Tensor) and isinstance(another, Tensor):
            return one.shape == another.shape and torch.equal(one, another)
        return bool(one is another or (not isinstance(one, Tensor) and one == another))

    return given.keys() == other.keys() and all(equal(given[name], other[name]) for name in given if name != "input")


def _layer(kind: type[nn.Module], given: dict[str, Any]) -> nn.Module:
    """A plain layer of these weights; made without drawing random numbers."""
    weight, bias = given["weight"], given.get("bias")
    groups = given.get("groups", 1)
    if kind is nn.Linear:
        layer: Any = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    else:
        sizes = weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:])
        places = {
            name: _tuple(given[name], weight.ndim - 2) for name in ("stride", "padding", "dilation") if name in given
        }
        layer = kind(*sizes, **places, groups=groups, bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone())
    return cast("nn.Module", layer.eval())


def _tuple(value: Any, dimensions: int) -> Any:
    """A number for all dimensions as a tuple, as layers have it."""
    if isinstance(value, str):
        return value
    return (value,) * dimensions if isinstance(value, int) else tuple(value) * (dimensions if len(value) == 1 else 1)


def _put(module: nn.Module, parts: Sequence[tuple[str, nn.Module]]) -> None:
    for path, part in parts:
        parent, _, name = path.rpartition(".")
        setattr(module.get_submodule(parent), name, part)


def _flat(answers: Any) -> list[Tensor]:
    return [leaf.double() for leaf in pytree.tree_leaves(list(answers)) if isinstance(leaf, Tensor)]
