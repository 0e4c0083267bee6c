"""What every trainable compressed layer offers.

Legend: as in `costmodels.schemes.base`; N images, M = (n/g)*S segments of a group, D = s*kh*kw values of a segment.
"""

import abc
import copy
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from costmodels.cost import DIRECT
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.selection import Selection
from explorer.system.errors import LayerError

__all__ = ["CompressedLayer", "floats", "stored"]


def floats(array: np.ndarray, like: Tensor) -> Tensor:
    """A copy of an array as a tensor in the type and on the device of ``like``."""
    return torch.tensor(array, device=like.device, dtype=like.dtype)


def stored(tensor: Tensor) -> np.ndarray:
    """A float tensor as it is stored: contiguous float32."""
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), np.float32)


class CompressedLayer(nn.Module, abc.ABC):
    """A convolution or linear layer whose weights are computed from what a compressed form stores.

    It takes the place of an ``nn.Conv2d`` or ``nn.Linear``, with its bias, stride, padding, dilation and groups, and
    starts from a fitted layer: before any training it computes what the fitted weights compute. The place of a module
    of a class derived from these is taken with the forward of that class, which finds the reconstructed weights where
    it had its own; whatever else it has is trained along.

    Args:
        module: the layer whose place it takes; its weights are where some proxies start. It is left as it is.
        fitted: the compressed form to start from.

    Raises:
        LayerError: the module is of another kind, pads with other values than zeros, or does not have the shape of the
            fitted layer.
    """

    executions: ClassVar[tuple[str, ...]] = (DIRECT,)

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__()
        _check(module, fitted)
        self.shape = fitted.shape
        self.scheme: Any = fitted.scheme
        self._is_linear = isinstance(module, nn.Linear)
        bias = getattr(module, "bias", None)
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())
        self.derived = None if type(module) in _KINDS else _without_weights(module)

    @abc.abstractmethod
    def weight(self) -> Tensor:
        """The reconstructed weights (n, c/g, kh, kw), with their gradient."""

    @abc.abstractmethod
    def arrays(self) -> Arrays:
        """What would be stored, as `costmodels.kernels.packing.pack_layer` takes it. The weights that it stands for are
        `weight`, up to the rounding of 32-bit floats, and it costs no more than the fitted layer did."""

    @torch.no_grad()
    def after_step(self) -> None:
        """Brings the parameters back to where the compressed form wants them; to be called after every optimizer
        step."""

    @torch.no_grad()
    def freeze(self) -> None:
        """Keeps every code, sign, place and support as it is now. What else is trained (scales, palettes, values of 32
        bits, the bias) goes on, and what the integers followed from gets no gradient any more."""
        self.weight()
        for selection in self._selections():
            selection.freeze()

    def integers(self) -> Tensor:
        """Every integer that training may change, as it was when the weights were last reconstructed: one row."""
        found = [selection.chosen.flatten().to(torch.int32) for selection in self._selections()]
        return torch.cat(found) if found else torch.empty(0, dtype=torch.int32)

    @property
    def is_frozen(self) -> bool:
        """Whether no integer changes any more."""
        return all(selection.is_frozen for selection in self._selections())

    def _selections(self) -> list[Selection]:
        """Those that are in use."""
        found = [module for module in self.modules() if isinstance(module, Selection)]
        return [selection for selection in found if selection.chosen.numel()]

    def forward(self, inputs: Tensor, execution: str = DIRECT) -> Tensor:
        """The layer's output, by one of its `executions`; all of them are equal but for rounding.

        Args:
            inputs: (N, c, H, W) or (c, H, W) for a convolution, (..., c) for a linear layer.
            execution: its name.

        Raises:
            LayerError: the layer has no such execution.
        """
        if execution not in self.executions:
            rule = f"{self.scheme.name} runs as {', '.join(self.executions)}"
            raise LayerError(rule, execution, "choose one")
        if self.derived is not None:
            if execution != DIRECT:
                rule = "a layer of a class of its own runs as that class says"
                raise LayerError(rule, execution, f"choose {DIRECT}")
            return self._run_derived(self.derived, inputs)
        if execution == DIRECT:
            if self._is_linear:
                return functional.linear(inputs, self.weight().flatten(1), self.bias)
            return self._convolve(inputs, self.weight(), self.shape.groups, self.bias)
        images = inputs.reshape(-1, self.shape.in_channels, 1, 1) if self._is_linear else inputs
        outputs = self._run_shared(images, execution)
        if self.bias is not None:
            outputs = outputs + self.bias[:, None, None]
        return outputs.reshape(*inputs.shape[:-1], self.shape.out_channels) if self._is_linear else outputs

    def as_module(self) -> nn.Module:
        """A plain layer with the reconstructed weights and the bias; made without drawing random numbers."""
        weight, bias, shape = self.weight().detach(), self.bias is not None, self.shape
        if self.derived is not None:
            return self._as_derived(self.derived, weight)
        if self._is_linear:
            module: nn.Conv2d | nn.Linear = nn.Linear(shape.in_channels, shape.out_channels, bias, "meta")
        else:
            place = shape.stride, shape.padding, shape.dilation, shape.groups
            module = nn.Conv2d(shape.in_channels, shape.out_channels, shape.kernel, *place, bias, device="meta")
        module.weight = nn.Parameter(weight.reshape(module.weight.shape).clone())
        if self.bias is not None:
            module.bias = nn.Parameter(self.bias.detach().clone())
        return module.train(self.training)

    def _run_derived(self, module: nn.Module, inputs: Tensor) -> Tensor:
        weight = self.weight()
        module.__dict__.update(weight=weight.flatten(1) if self._is_linear else weight, bias=self.bias)
        try:
            return cast("Tensor", module(inputs))
        finally:  # what has a gradient cannot be copied with the module
            module.__dict__.update(weight=None, bias=None)

    def _as_derived(self, module: nn.Module, weight: Tensor) -> nn.Module:
        plain = copy.deepcopy(module)
        del plain.__dict__["weight"], plain.__dict__["bias"]
        plain.weight = nn.Parameter(weight.flatten(1).clone() if self._is_linear else weight.clone())
        plain.register_parameter("bias", None if self.bias is None else nn.Parameter(self.bias.detach().clone()))
        return plain.train(self.training)

    def extra_repr(self) -> str:
        """The layer's shape and its scheme."""
        return f"{self.shape}, {self.scheme.brief()}"

    def _run_shared(self, images: Tensor, execution: str) -> Tensor:
        """The output without its bias, by an execution other than the direct one."""
        raise NotImplementedError

    def _convolve(self, images: Tensor, weights: Tensor, groups: int, bias: Tensor | None = None) -> Tensor:
        shape = self.shape
        return functional.conv2d(images, weights, bias, shape.stride, shape.padding, shape.dilation, groups)


_KINDS = (nn.Conv2d, nn.Linear)

_NEVER_CALLED = (nn.modules.linear.NonDynamicallyQuantizableLinear,)
"""Of classes whose weights others read: there is no call in which they could be found elsewhere."""


def _without_weights(module: nn.Module) -> nn.Module:
    """A copy without the parameters weight and bias."""
    bare = copy.deepcopy(module)
    for name in ("weight", "bias"):
        bare._parameters.pop(name)
        bare.__dict__[name] = None
    return bare


def _check(module: nn.Module, fitted: FittedLayer) -> None:
    is_own = "weight" in module._parameters and not parametrize.is_parametrized(module)
    if not isinstance(module, _KINDS) or isinstance(module, _NEVER_CALLED) or not is_own:
        found, remedy = type(module).__name__, "leave other layers as they are"
        raise LayerError("a Conv2d or a Linear is trained in a compressed form", found, remedy)
    if isinstance(module, nn.Conv2d) and module.padding_mode != "zeros":
        raise LayerError("the layer pads with zeros", module.padding_mode, 'give it padding_mode="zeros"')
    shape, weight = fitted.shape, module.get_parameter("weight")
    own: tuple[Any, ...] = (*weight.shape, *(1,) * (4 - weight.ndim)), 1
    expected: tuple[Any, ...] = shape.weight_shape, shape.groups
    if type(module) is nn.Conv2d:
        own = *own[:1], module.groups, module.stride, module.padding, module.dilation
        expected = *expected, shape.stride, shape.padding, shape.dilation
    elif isinstance(module, nn.Conv2d):  # a class of its own may pad and stride in its own way
        own = *own[:1], module.groups
    if own != expected:
        raise LayerError(f"the layer has the shape that was fitted, {expected}", str(own), "fit this layer's weights")
