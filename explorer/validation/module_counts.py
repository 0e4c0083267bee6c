"""The counts of any module, next to what torch shows of it in ways that share nothing with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from costmodels import Dense, network_cost
from explorer.networks.load import LoadedNetwork, ready_network
from explorer.networks.trace import trace
from explorer.networks.transposed import spread_transposed
from explorer.validation.eager_memory import eager_peak_values, run_watched

__all__ = ["ModuleCounts", "count_module"]

_LAYERS = (nn.modules.conv._ConvNd, nn.Linear)


@dataclass(frozen=True)
class ModuleCounts:
    """Figures of one image, each as filterfront counts it and as torch shows it.

    Args:
        layers: with compressed forms.
        macs: multiply-accumulates, and half of what FlopCounterMode counts while the module runs.
        weights: of convolutions and linear layers, and those that its modules have.
        sram_bytes: the peak at 8-bit activations, and that of `explorer.validation.eager_memory`.
        not_compressed: kinds of steps whose MAC are counted and that have no compressed form.
        unknown: kinds of steps whose work nobody knows.
    """

    layers: int
    macs: tuple[int, int]
    weights: tuple[int, int]
    sram_bytes: tuple[int, int]
    not_compressed: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def differences(self) -> tuple[str, ...]:
        """Names of the figures that differ."""
        pairs = {"MAC": self.macs, "weights": self.weights, "SRAM": self.sram_bytes}
        return tuple(name for name, (own, other) in pairs.items() if own != other)


def count_module(module: nn.Module, example: Sequence[Tensor], name: str, runs: bool = True) -> ModuleCounts:
    """Counts a module in evaluation mode, and looks at it in other ways.

    Args:
        module: is changed as `explorer.networks.load.ready_network` changes it.
        example: inputs of one image.
        name: of it.
        runs: whether it is run on the example, so that weights which it computes are known; without, it is run
            on tensors without values alone.

    Raises:
        NetworkError: it cannot be traced.
    """
    inputs = tuple(example)
    counter, _ = run_watched(module, inputs, lambda _: FlopCounterMode(display=False))
    peak = eager_peak_values(module, inputs)
    own = {id(part.weight): part.weight.numel() for part in module.modules() if isinstance(part, _LAYERS)}
    if runs:
        module = ready_network(LoadedNetwork(name, module, inputs, "user", "")).module
    else:
        spread_transposed(module)
    cost = network_cost(spec := trace(module, inputs, name).spec, Dense(8))
    return ModuleCounts(
        layers=len(spec.layers),
        macs=(cost.macs, counter.get_total_flops() // 2),
        weights=(cost.weights, sum(own.values())),
        sram_bytes=(cost.sram_bytes, peak),
        not_compressed=tuple(dict.fromkeys(step.kind for step in spec.fixed)),
        unknown=tuple(dict.fromkeys(step.kind for step in spec.unknown)),
    )
