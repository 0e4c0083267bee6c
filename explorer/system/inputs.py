"""Inputs of a network: a tensor, or several of them that belong together image by image.

Everything that takes inputs apart, chooses of them or hands them to a network goes through here, so that nothing else
has to know how many there are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

__all__ = ["Batch", "Inputs", "as_inputs", "called", "mapped", "parts_of", "values_of_one"]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Several inputs.

    Args:
        parts: (N, ...) each, in the order of the network's arguments.
        names: of the arguments; empty where they were given in order.
    """

    parts: tuple[Tensor, ...]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, chosen: Any) -> "Inputs":
        """The same places of every input."""
        return self.map(lambda part: part[chosen])

    def map(self, function: Callable[[Tensor], Tensor]) -> "Inputs":
        """A function of every input."""
        return Inputs(tuple(map(function, self.parts)), self.names)

    def split(self, size: int) -> tuple["Inputs", ...]:
        """In batches; the last one may have fewer."""
        return tuple(
            Inputs(parts, self.names) for parts in zip(*(part.split(size) for part in self.parts), strict=True)
        )

    def to(self, *arguments: Any) -> "Inputs":
        """As `torch.Tensor.to`, of every input."""
        return self.map(lambda part: part.to(*arguments))

    def in_order(self, names: Sequence[str]) -> "Inputs":
        """The same in the order of a network's arguments; as they are where they have no names, or others."""
        if set(self.names) != set(names):
            return self
        by_name = dict(zip(self.names, self.parts, strict=True))
        return Inputs(tuple(by_name[name] for name in names), tuple(names))

    def of_shapes(self, shapes: Sequence[tuple[int, ...]]) -> "Inputs":
        """The same in the order of a network's inputs (...) of one image, where these tell which is which."""
        own = [tuple(part.shape[1:]) for part in self.parts]
        if len(set(own)) < len(own) or set(own) != set(shapes):
            return self
        places = [own.index(tuple(shape)) for shape in shapes]
        names = tuple(self.names[place] for place in places) if self.names else ()
        return Inputs(tuple(self.parts[place] for place in places), names)


Batch = Tensor | Inputs
"""Inputs of several images: (N, ...), or several such."""


def as_inputs(given: Mapping[str, Tensor] | Sequence[Tensor]) -> Inputs:
    """Tensors (N, ...), by the network's argument or in the order of its arguments, as inputs."""
    if isinstance(given, Mapping):
        return Inputs(tuple(given.values()), tuple(given))
    return Inputs(tuple(given))


def parts_of(batch: Batch) -> tuple[Tensor, ...]:
    """The inputs one by one.

    >>> import torch
    >>> [len(parts_of(one)) for one in (torch.zeros(2, 3), Inputs((torch.zeros(2, 3), torch.zeros(2))))]
    [1, 2]
    """
    return batch.parts if isinstance(batch, Inputs) else (batch,)


def called(network: Callable[..., Any], batch: Batch) -> Any:
    """What a network gives for a batch."""
    return network(*parts_of(batch))


def mapped(batch: Batch, function: Callable[[Tensor], Tensor]) -> Batch:
    """A function of every input."""
    return batch.map(function) if isinstance(batch, Inputs) else function(batch)


def values_of_one(batch: Batch) -> int:
    """The values that the inputs of one image have together."""
    return sum(part[:1].numel() for part in parts_of(batch))
