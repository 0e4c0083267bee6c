"""The first run of a user's network: that it ends by returning, and that its answer is one."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from explorer.system.errors import NetworkError
from explorer.system.user_code import user_code

__all__ = ["check_answers", "random_inputs"]

TOLERANCE = 1e-4
"""Two answers are the same that are no farther apart, in units of the largest where that is above 1."""

_REMEDY = "take what is random out of forward; dropout and the like belong in nn.Module's training mode"


def check_answers(module: nn.Module, example: Any, name: str) -> None:
    """Refuses a network that ends the program from within its forward, or answers the same input in two ways.

    Inputs of floats are random ones of the example's shapes, as zeros would hide a random factor. A network that does
    not run is left to the trace, which says why.

    Args:
        module: in evaluation mode.
        example: an input of it, or several.
        name: of the network, for messages.

    Raises:
        NetworkError: it does.
    """
    inputs = example if isinstance(example, tuple) else (example,)
    drawn = random_inputs(inputs)
    first, again = (_answers(module, drawn, name) or _answers(module, inputs, name) for _ in range(2))
    if len(first) != len(again) or not all(map(_same, first, again)):
        raise NetworkError(f"{name} answers the same input in one way", f"two runs of {name} differ", _REMEDY)


def random_inputs(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Random inputs of the same shapes; integers stay as they are."""
    generator = torch.Generator().manual_seed(0)
    return tuple(_random_like(tensor, generator) for tensor in inputs)


def _random_like(tensor: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(tensor.shape, generator=generator).to(tensor.dtype) if tensor.is_floating_point() else tensor


def _answers(module: nn.Module, inputs: tuple[Tensor, ...], name: str) -> list[Tensor]:
    """The tensors that the module returns; none where it does not run on these inputs."""

    def ended(reason: str) -> NetworkError:
        return NetworkError(f"forward of {name} returns", reason, "mend it; --debug shows where it stopped")

    with user_code(ended), torch.no_grad():
        try:
            found = module(*inputs)
        except Exception:
            return []
        return [leaf for leaf in pytree.tree_leaves(found) if isinstance(leaf, Tensor)]


def _same(one: Tensor, other: Tensor) -> bool:
    """Up to sums in another order, which threads may make."""
    if one.shape != other.shape or one.is_complex():
        return one.shape == other.shape
    first, second = (torch.nan_to_num(tensor.double()) for tensor in (one, other))
    return not one.numel() or bool(((first - second).abs() <= TOLERANCE * first.abs().max().clamp_min(1.0)).all())
