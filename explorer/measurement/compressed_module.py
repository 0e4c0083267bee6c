"""CompressedModule: a network of which copies stand in compressed weights, for code of the user."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["CompressedModule"]


class CompressedModule:
    """One copy of a network that takes the weights of one design after another.

    Args:
        module: that is copied.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = copy.deepcopy(module).requires_grad_(False)
        self._own = {name: tensor.clone() for name, tensor in self._tensors().items()}

    def with_parameters(self, parameters: Mapping[str, Tensor]) -> nn.Module:
        """The copy with these parameters and buffers in the place of the network's own, until it is asked for again.

        Args:
            parameters: by name, each in its own shape.
        """
        with torch.no_grad():
            for name, tensor in self._tensors().items():
                tensor.copy_(parameters.get(name, self._own[name]))
        return self._module

    def _tensors(self) -> dict[str, Tensor]:
        return {**dict(self._module.named_parameters()), **dict(self._module.named_buffers())}
