"""Multiply-accumulates of every layer as other counters see them: torch's FlopCounterMode and fvcore.

FlopCounterMode counts two operations a MAC. fvcore counts MACs under the name of flops; only its convolution and linear
keys are compared, since it adds two operations a value for batch normalization and one for average pooling.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from costmodels.network import LayerSpec, NetworkSpec
from explorer.networks.trace import Example

__all__ = ["LayerCount", "count_layers"]

_FVCORE_LAYERS = ("conv", "linear", "addmm", "matmul")
_ALL_MODULES = 10**6  # deeper than any nesting
_STRING_PADDING = "aten::_convolution_mode"


@dataclass(frozen=True)
class LayerCount:
    """MACs of one layer for one image, by three counters.

    Args:
        layer: its name.
        macs: as its shape has it.
        flop_counter_macs: half of what FlopCounterMode counts.
        fvcore_macs: what fvcore counts.
        note: why a counter is known to be wrong or silent here; "" otherwise.

    The counts of the others are None for a layer without a module of its own, which they cannot tell apart.
    """

    layer: str
    macs: int
    flop_counter_macs: int | None
    fvcore_macs: int | None
    note: str = ""

    @property
    def agrees(self) -> bool:
        """Every counter gives the same number, but for what the note explains of fvcore."""
        return self.flop_counter_macs == self.macs and (self.fvcore_macs == self.macs or bool(self.note))


def count_layers(module: nn.Module, example: Example, spec: NetworkSpec) -> tuple[LayerCount, ...]:
    """Count the layers of a network three times, by running it on the example.

    Args:
        module: the network.
        example: its input (N, ...), or several as a tuple.
        spec: the same network as traced.
    """
    inputs = example if isinstance(example, tuple) else (example,)
    batch = int(inputs[0].shape[0])
    training = module.training
    module.eval()
    try:
        flops = _flop_counter(module, inputs)
        counted, skipped = _fvcore(module, inputs)
    finally:
        module.train(training)
    counts = []
    for layer in spec.layers:
        macs = layer.shape.dense_macs * layer.calls
        paths = _module_paths(module, layer)
        if not paths:
            counts.append(LayerCount(layer.name, macs, None, None, "no module of its own"))
            continue
        note = ""
        if any(path in skipped for path in paths):
            note = f"fvcore counts 0 for padding given as text ({_STRING_PADDING})"
        counts.append(
            LayerCount(
                layer.name,
                macs,
                sum(flops.get(path, 0) for path in paths) // (2 * batch),
                sum(counted.get(path, 0) for path in paths) // batch,
                note,
            )
        )
    return tuple(counts)


def _module_paths(module: nn.Module, layer: LayerSpec) -> list[str]:
    """The modules that run the layer: those that hold its weight, under ``weight``."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    weight = parameters[layer.weight]
    return [path for path, part in module.named_modules() if getattr(part, "weight", None) is weight]


def _flop_counter(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> dict[str, int]:
    """Module path -> operations by FlopCounterMode."""
    counter = FlopCounterMode(display=False, depth=_ALL_MODULES)
    with torch.no_grad(), counter:
        module(*inputs)
    root = type(module).__name__
    return {
        path.removeprefix(root).removeprefix("."): sum(operations.values())
        for path, operations in counter.get_flop_counts().items()
        if path == root or path.startswith(f"{root}.")
    }


def _fvcore(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[Mapping[str, int], set[str]]:
    """Module path -> MACs by fvcore, and the paths at which it skips a convolution."""
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(module, inputs)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    counts = analysis.by_module_and_operator()
    macs = {path: int(sum(counter[key] for key in _FVCORE_LAYERS)) for path, counter in counts.items()}
    return macs, {path for path in counts if _STRING_PADDING in analysis.unsupported_ops(path)}
