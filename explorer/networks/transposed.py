"""Transposed convolutions as what they are: convolutions of an input with zeros between its values.

Legend: c input and n output channels, g groups, k kernel size, s stride, p padding, d dilation, all of one dimension.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["convolution_weight", "spread_transposed", "transposed_weight"]


def convolution_weight(weight: Tensor, groups: int) -> Tensor:
    """The weights (n, c/g, ...) of the convolution, from those (c, n/g, ...) of a transposed one."""
    parts = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:]).transpose(1, 2)
    return parts.flatten(0, 1).flip(tuple(range(2, weight.ndim)))


def transposed_weight(weight: Tensor, groups: int) -> Tensor:
    """The inverse of `convolution_weight`."""
    return convolution_weight(weight, groups)


class _Spread(nn.modules.conv._ConvNd):
    """What the convolutions of one and of two dimensions have in common.

    A state dict has the weights of the transposed convolution, (c, n/g, ...), under its names; `weight` are those of
    the convolution, (n, c/g, ...).

    Args:
        module: the transposed convolution; it is left as it is, and its bias is shared.
        weight: of the convolution.
    """

    def __init__(self, module: Any, weight: nn.Parameter) -> None:
        sizes = module.in_channels, module.out_channels, module.kernel_size
        own: Any = {"dilation": module.dilation, "groups": module.groups, "bias": False, "device": "meta"}
        super().__init__(*sizes, **own)  # that of the convolution, which comes next in the order of classes
        self.weight, self.bias = weight, module.bias
        self.spread, self.cut, self.added = module.stride, module.padding, module.output_padding
        self.train(module.training)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """What the transposed convolution computes.

        Args:
            input: (N, c, ...).
            output_size: of the output, its last dimensions or all; where a stride leaves a choice.
        """
        added = self.added
        if output_size is not None:
            least = [self._least(size, place) for place, size in enumerate(input.shape[2:])]
            added = tuple(size - one for size, one in zip(output_size[-len(least) :], least, strict=True))
        return cast("Tensor", super().forward(self._spread(input, added)))

    def _least(self, size: int, place: int) -> int:
        """The least size of the output: s(size - 1) + d(k - 1) + 1 - 2p."""
        reach = self.dilation[place] * (self.kernel_size[place] - 1)
        return int(self.spread[place] * (size - 1) + reach + 1 - 2 * self.cut[place])

    def _spread(self, values: Tensor, added: Sequence[int]) -> Tensor:
        """The values with s - 1 zeros after each, and around them those that the output reaches into: the steps that
        `explorer.networks.layer_nodes.spread_steps` knows."""
        dimensions, pads = len(self.spread), []
        for place in reversed(range(dimensions)):
            reach = self.dilation[place] * (self.kernel_size[place] - 1) - self.cut[place]
            pads += [reach, reach + added[place] - (self.spread[place] - 1)]
        for place in reversed(range(dimensions)):
            values = values.unsqueeze(3 + place)
        zeros = [number for stride in reversed(self.spread) for number in (0, stride - 1, 0, 0)]
        values = functional.pad(values, zeros[:-2])
        for place in range(dimensions):
            values = values.flatten(2 + place, 3 + place)
        return functional.pad(values, pads)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.weight is not None:
            destination[f"{prefix}weight"] = transposed_weight(destination[f"{prefix}weight"], self.groups)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *others: Any) -> None:
        key = f"{prefix}weight"
        own = {**state_dict, key: convolution_weight(state_dict[key], self.groups)} if key in state_dict else state_dict
        super()._load_from_state_dict(own, prefix, *others)


class SpreadConv1d(_Spread, nn.Conv1d):
    """A ConvTranspose1d as a convolution."""


class SpreadConv2d(_Spread, nn.Conv2d):
    """A ConvTranspose2d as a convolution."""


_KINDS: Mapping[type[nn.Module], type[_Spread]] = {nn.ConvTranspose1d: SpreadConv1d, nn.ConvTranspose2d: SpreadConv2d}


def spread_transposed(module: nn.Module) -> None:
    """Puts convolutions in the place of the transposed convolutions of one and two dimensions within a module.

    Those of derived classes with a forward of their own, and those whose weights other modules use too, stay as they
    are.

    Args:
        module: is changed in place.
    """
    parts: list[Any] = [part for part in module.modules() if _spread_class(part)]
    strangers = [part for part in module.modules() if not _spread_class(part)]
    others = {parameter for part in strangers for parameter in part.parameters(recurse=False)}
    made: dict[Tensor, nn.Parameter] = {}
    replaced: dict[nn.Module, nn.Module] = {}
    for part in parts:
        weight, groups = part.weight, {other.groups for other in parts if other.weight is part.weight}
        if (kind := _spread_class(part)) and weight not in others and len(groups) == 1:
            own = convolution_weight(weight.detach(), part.groups).contiguous()
            made.setdefault(weight, nn.Parameter(own, requires_grad=weight.requires_grad))
            replaced[part] = kind(part, made[weight])
    for path, part in list(module.named_modules(remove_duplicate=False)):
        if path and part in replaced:
            parent, _, name = path.rpartition(".")
            setattr(module.get_submodule(parent), name, replaced[part])


def _spread_class(part: nn.Module) -> type[_Spread] | None:
    """The class of the convolution that takes a module's place; None where the module computes something else."""
    own = (kind for base, kind in _KINDS.items() if isinstance(part, base) and type(part).forward is base.forward)
    return next(own, None)
