"""A packed network that computes in integers, as its C program does: the same answers to the last bit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.deployment.device_code.integer_network import IntegerNetwork
from explorer.deployment.device_code.reading import integer_network
from explorer.deployment.packed.network import PackedNetwork
from explorer.system.errors import NetworkError

__all__ = ["IntegerPacked", "in_integers"]


@dataclass(frozen=True, eq=False, repr=False)
class IntegerPacked:
    """A packed network in integers.

    Args:
        packed: the network.
        integers: what it computes.
        outputs: the shape of one image of each output.
        is_one: whether the network returns a tensor and no tuple.
    """

    packed: PackedNetwork
    integers: IntegerNetwork
    outputs: tuple[tuple[int, ...], ...]
    is_one: bool

    def __repr__(self) -> str:
        return repr(self.packed).replace("<Packed ", "<Packed in integers ")

    def __call__(self, *inputs: Tensor) -> Any:
        """What the C program returns for inputs (N, ...): float32 in the shapes that the packed network returns.

        Pixels, as bytes, are normalized first where the file says how.

        Raises:
            NetworkError: the inputs have other shapes than those of the network.
        """
        if tuple(tuple(tensor.shape[1:]) for tensor in inputs) != self.packed.inputs:
            expected = ", ".join(str(("N", *shape)).replace("'", "") for shape in self.packed.inputs)
            given = ", ".join(str(tuple(tensor.shape)) for tensor in inputs) or "nothing"
            raise NetworkError(f"{self.packed.name} takes {expected}", given, "give images of this shape")
        images = [self.packed.normalized(part).numpy(force=True) for part in inputs]
        found = self._values(images)
        parts = zip(self.integers.output_arrays(found), self.outputs, strict=True)
        tensors = [torch.from_numpy(part.copy()).reshape(len(part), *shape) for part, shape in parts]
        return tensors[0] if self.is_one else tuple(tensors)

    def _values(self, images: list[np.ndarray]) -> np.ndarray:
        """(N, values) float32 of the outputs, one after the other as the program has them."""
        return self.integers.run(*self.integers.levels_of(images))


def in_integers(network: PackedNetwork) -> IntegerPacked:
    """A packed network in integers.

    Args:
        network: as read from its file, with activations of 1 to 8 bits.

    Raises:
        DeviceCodeError: activations are floats or have more bits, or an operation has no C form.
    """
    integers = integer_network(network)
    returned = network(*(torch.zeros(1, *shape) for shape in network.inputs))
    tensors = [returned] if isinstance(returned, Tensor) else list(returned)
    shapes = tuple(tuple(tensor.shape[1:]) for tensor in tensors)
    return IntegerPacked(network, integers, shapes, isinstance(returned, Tensor))
