"""LayerSpec: a layer whose weights are stored once, and what belongs to each of its calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from costmodels.bias_values import check_bias_bits
from costmodels.conventions import FLOAT_BITS
from costmodels.shapes import ConvShape

__all__ = ["LayerCall", "LayerSpec"]


@dataclass(frozen=True)
class LayerCall:
    """Calls of a layer that are alike: what belongs to the call and not to the weight.

    Args:
        shape: of these calls, on the example input; the weights' part of it is the layer's.
        runs: how often one inference makes them.
        bias: the dotted name of the bias that they add; "" for none.
        normalization: the name of the batch normalization that folds into them; "" for none.
    """

    shape: ConvShape
    runs: int = 1
    bias: str = ""
    normalization: str = ""


@dataclass(frozen=True)
class LayerSpec:
    """A convolution or linear layer.

    Args:
        name: the dotted module path, unique in the network.
        shape: its shape on the example input. A layer called at several places is listed once per call
            only in the operations; its weights are stored once and its work is counted ``calls`` times.
        weight: the dotted name of the weight parameter; "" where a network is described without weights.
        bias: whether one of its calls adds a bias.
        normalization: whether a batch normalization follows one of its calls that folds into the layer.
        calls: how often one inference runs the layer at ``shape``.
        variants: its calls, where they differ in more than their place: in size, stride or dilation, in bias or in
            normalization. Empty where all are alike.
        bias_bits: of a stored bias, or of the shift of a folded normalization: 32, or 16 with an exponent in common
            (`costmodels.bias_values`).
    """

    name: str
    shape: ConvShape
    weight: str = ""
    bias: bool = False
    normalization: bool = False
    calls: int = 1
    variants: tuple[LayerCall, ...] = ()
    bias_bits: int = FLOAT_BITS

    def __post_init__(self) -> None:
        check_bias_bits(self.bias_bits)

    @property
    def runs(self) -> dict[ConvShape, int]:
        """How often one inference runs the layer, by shape; `shape` is the first."""
        runs = {self.shape: self.calls}
        for call in self.variants:
            if call.shape != self.shape:
                runs[call.shape] = runs.get(call.shape, 0) + call.runs
        return runs

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates of all calls, uncompressed."""
        return sum(runs * shape.dense_macs for shape, runs in self.runs.items())

    @property
    def channel_values(self) -> tuple[tuple[bool, bool], ...]:
        """What is stored for the output channels: for each distinct pair of bias and normalization among the calls,
        whether there is a bias, and whether a normalization."""
        if not self.variants:
            return ((self.bias, self.normalization),)
        pairs = dict.fromkeys((call.bias, call.normalization) for call in self.variants)
        return tuple((bool(bias), bool(normalization)) for bias, normalization in pairs)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "LayerSpec":
        """The layer from the plain data of `dataclasses.asdict`."""
        variants = tuple(LayerCall(**{**call, "shape": _shape(call["shape"])}) for call in plain.get("variants", ()))
        return cls(**{**plain, "shape": _shape(plain["shape"]), "variants": variants})


def _shape(plain: Mapping[str, Any]) -> ConvShape:
    """A shape from plain data, where pairs are lists."""
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    return ConvShape(**fields)
