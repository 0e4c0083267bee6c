"""Follows a network's forward pass call by call, so that what a call returns can be read or replaced."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from explorer.forms.compressed_layer import CompressedLayer

__all__ = ["OnCall", "followed"]

OnCall = Callable[[int, str, Tensor], Tensor]
"""From the place of a call in the pass, its name and its floating-point result (any shape) to what takes the result's
place."""


@contextmanager
def followed(network: nn.Module, on_call: OnCall) -> Iterator[None]:
    """Follows every forward pass of the network within the block.

    A call is one of a layer (a module of torch, or a compressed layer in its place), whatever that calls in turn, or of
    a function or method of torch from the forward of any other module. Places are numbered from 0 in every pass; a copy
    of the network with compressed layers has the same ones.

    Args:
        network: as it is called.
        on_call: asked about every call whose result is one floating-point tensor.
    """
    follower = _Follower(on_call)
    handles = [
        network.register_forward_pre_hook(follower.begin_pass),
        network.register_forward_hook(follower.end_pass, always_call=True),
    ]

    def watch(module: nn.Module, begin: Callable[..., Any], end: Callable[..., Any]) -> None:
        handles.append(module.register_forward_pre_hook(begin))
        handles.append(module.register_forward_hook(end, always_call=True))

    for path, module in network.named_modules():
        derived = module.derived if isinstance(module, CompressedLayer) else None
        if derived is not None:  # its weights are computed unseen, and then its own class calls
            watch(module, follower.enter, follower.leave)
            watch(derived, follower.leave, follower.enter)
        elif _is_layer(module):
            watch(module, follower.enter, follower.layer_end(path))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_layer(module: nn.Module) -> bool:
    home = type(module).__module__
    is_torchs = home.startswith("torch.nn.modules.") and not home.endswith(".container")
    return is_torchs or isinstance(module, CompressedLayer)


class _Follower(TorchFunctionMode):
    def __init__(self, on_call: OnCall) -> None:
        super().__init__()
        self._on_call, self._place, self._layers = on_call, 0, 0

    def begin_pass(self, module: nn.Module, arguments: Any) -> None:
        """A pre-hook of the network."""
        self._place = self._layers = 0
        self.__enter__()  # type: ignore[no-untyped-call]

    def end_pass(self, module: nn.Module, arguments: Any, output: Any) -> None:
        """A hook of the network."""
        self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def enter(self, *_: Any) -> None:
        """A hook: what follows is not seen."""
        self._layers += 1

    def leave(self, *_: Any) -> None:
        """A hook: what follows is seen again."""
        self._layers -= 1

    def layer_end(self, path: str) -> Callable[[nn.Module, Any, Any], Any]:
        """A hook of the layer at a path."""

        def hook(module: nn.Module, arguments: Any, output: Any) -> Any:
            self._layers -= 1
            return output if self._layers else self._seen(path, output)

        return hook

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Calls the function."""
        result = func(*args, **(kwargs or {}))
        return result if self._layers else self._seen(resolve_name(func) or repr(func), result)

    def _seen(self, name: str, result: Any) -> Any:
        if not isinstance(result, Tensor) or not result.is_floating_point():
            return result
        self._place += 1
        self._layers += 1  # what is done with the result is no call of the network
        try:
            return self._on_call(self._place - 1, name, result)
        finally:
            self._layers -= 1
