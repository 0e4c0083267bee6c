"""MovingAverage: the exponential average of parameters over the steps of a training.

Source: B. T. Polyak and A. B. Juditsky, Acceleration of Stochastic Approximation by Averaging, SIAM Journal on Control
and Optimization 30(4), 1992; the decay that grows with the steps is the one usual for networks, min(d, (1+t) / (10+t)).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

__all__ = ["MovingAverage"]


class MovingAverage:
    """The average of parameters, which starts as they are.

    Args:
        parameters: that are averaged.
        decay: of the average in a step, at most; at least 0 and below 1.
    """

    def __init__(self, parameters: Sequence[Tensor], decay: float) -> None:
        self._parameters, self._decay, self._steps = list(parameters), decay, 0
        self._average = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def update(self) -> None:
        """A step was taken: the average moves towards the parameters."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        torch._foreach_lerp_(self._average, self._parameters, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the parameters are the average."""
        own = [parameter.detach().clone() for parameter in self._parameters]
        self._put(self._average)
        try:
            yield
        finally:
            self._put(own)

    def state(self) -> dict[str, Any]:
        """What the next step depends on."""
        return {"steps": self._steps, "average": [value.clone() for value in self._average]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes back to a `state`.

        Raises:
            KeyError, RuntimeError, ValueError: it is none.
        """
        self._steps = int(state["steps"])
        for value, kept in zip(self._average, state["average"], strict=True):
            value.copy_(kept)

    @torch.no_grad()
    def _put(self, values: Sequence[Tensor]) -> None:
        for parameter, value in zip(self._parameters, values, strict=True):
            parameter.copy_(value)
