"""Operations of a piece of torch code as FlopCounterMode and fvcore see them.

Both count an accumulation whatever its weight is: one under +-1, which the cost models call an addition, is a MAC to
them. Both leave elementwise operations out unless they are told to count them, one for each element of the result, as
here. fvcore counts nothing for a convolution whose padding is given as text, since its operator then has another name.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from fvcore.nn.jit_handles import elementwise_flop_counter
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from costmodels.kernels.phases import Tensors

__all__ = ["STRING_PADDING", "TorchCounts", "count_fvcore", "count_torch"]

STRING_PADDING = "aten::_convolution_mode"
"""fvcore's name of a convolution with padding as text, which it skips."""

Function = Callable[..., Tensors]


@dataclass(frozen=True)
class TorchCounts:
    """Accumulations of convolutions and matrix products, and elementwise additions and multiplications.

    Args:
        accumulations: of convolutions and matrix products.
        additions: elementwise.
        multiplications: elementwise.
        skipped: convolutions that the counter does not count at all.
    """

    accumulations: int
    additions: int
    multiplications: int
    skipped: int = 0


class _Piece(nn.Module):
    """A function as a module, which fvcore asks for. The tracer refuses results that do not depend on an input, such as
    weights reconstructed from constants; nothing, taken from the first input, is put at the end of each."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: torch.Tensor) -> Tensors:
        nothing = tensors[0].flatten()[:0]
        return tuple(torch.cat([result.flatten(), nothing]) for result in self.function(*tensors))


def _result_elements(*operands: Any, out_shape: Any, **options: Any) -> int:
    return math.prod(out_shape)


_ELEMENTWISE = {torch.ops.aten.add: _result_elements, torch.ops.aten.mul: _result_elements}


def count_torch(function: Function, tensors: Tensors) -> tuple[TorchCounts, Tensors]:
    """What FlopCounterMode counts, which takes two operations for a MAC, and what the function gives."""
    counter = FlopCounterMode(display=False, custom_mapping=_ELEMENTWISE)
    with torch.no_grad(), counter:
        results = function(*tensors)
    counts = counter.get_flop_counts().get("Global", {})
    additions, multiplications = (int(counts.get(operator, 0)) for operator in _ELEMENTWISE)
    rest = sum(count for operator, count in counts.items() if operator not in _ELEMENTWISE)
    return TorchCounts(rest // 2, additions, multiplications), results


def count_fvcore(function: Function, tensors: Tensors) -> TorchCounts:
    """What fvcore counts, which takes a MAC for one operation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, about its own deprecation and about constants
        analysis = FlopCountAnalysis(_Piece(function), tensors)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        for operator in ("aten::add", "aten::mul"):
            analysis.set_op_handle(operator, elementwise_flop_counter(0, 1))
        counts = {name: int(count) for name, count in analysis.by_operator().items()}
        skipped = analysis.unsupported_ops().get(STRING_PADDING, 0)
    additions, multiplications = counts.pop("add", 0), counts.pop("mul", 0)
    return TorchCounts(sum(counts.values()), additions, multiplications, skipped)
