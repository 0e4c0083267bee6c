"""The MACs of a whole network compared with the totals of other counters, with what explains each difference.

fvcore counts a MAC as one operation, adds two operations a value for batch normalization and one a value read for
adaptive average pooling, and skips convolutions whose padding is given as text.
FlopCounterMode counts two operations a MAC and nothing else. qonnx counts MACs, and bit operations as MACs times the
bits of both factors. Each share is computed from the traced network, so what remains of a difference is unexplained.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from costmodels import Dense, network_cost
from costmodels.network import NetworkSpec
from explorer.networks.trace import Example
from explorer.validation.layer_counters import count_layers
from explorer.validation.qonnx_counts import ACTIVATION_BITS, WEIGHT_BITS, QonnxCount, count_qonnx

__all__ = ["Reconciliation", "reconcile"]

_FVCORE_READS, _FVCORE_WRITES = {"adaptive_avg_pool2d": 1}, {"batch_norm": 2}
"""Operations of fvcore for each value that a step reads, or writes."""


@dataclass(frozen=True)
class Reconciliation:
    """Totals of one network for one image.

    Args:
        network: its name.
        macs: ours.
        bit_ops: ours, of dense weights with qonnx's ``WEIGHT_BITS`` and activations with its ``ACTIVATION_BITS``.
        flop_counter_macs: half of FlopCounterMode's operations.
        fvcore: fvcore's.
        shares: of the difference to fvcore, by what explains it.
        qonnx: qonnx's figures, none where it did not count.
    """

    network: str
    macs: int
    bit_ops: int
    flop_counter_macs: int
    fvcore: int
    shares: Mapping[str, int]
    qonnx: QonnxCount | None = None

    @property
    def unexplained(self) -> int:
        """What remains of all differences; 0 where all is explained."""
        qonnx = self.qonnx or QonnxCount(self.macs, self.bit_ops)
        return (
            abs(self.flop_counter_macs - self.macs)
            + abs(self.fvcore - self.macs - sum(self.shares.values()))
            + abs(qonnx.macs - self.macs)
            + abs(qonnx.bit_ops - self.bit_ops)
        )

    @property
    def agrees(self) -> bool:
        """Nothing remains."""
        return self.unexplained == 0

    @property
    def explanation(self) -> str:
        """What explains the difference to fvcore, in words."""
        return "; ".join(f"{what} {count:+,}" for what, count in self.shares.items()) or "no difference"

    def to_json(self) -> dict[str, Any]:
        """Plain data, a row of the table."""
        names = ("network", "macs", "flop_counter_macs", "fvcore", "bit_ops", "unexplained", "explanation")
        return {name: getattr(self, name) for name in names} | {
            "qonnx_macs": None if self.qonnx is None else self.qonnx.macs,
            "qonnx_bit_ops": None if self.qonnx is None else self.qonnx.bit_ops,
        }


def reconcile(module: nn.Module, example: Example, spec: NetworkSpec, qonnx: bool = False) -> Reconciliation:
    """Counts the network with the other counters and explains the differences.

    Args:
        module: the network.
        example: its input (N, ...), or several as a tuple.
        spec: the same network as traced.
        qonnx: whether qonnx counts it too, which takes seconds.
    """
    inputs = example if isinstance(example, tuple) else (example,)
    batch = int(inputs[0].shape[0])
    flop_counter, fvcore = _totals(module, inputs)
    return Reconciliation(
        network=spec.name,
        macs=spec.dense_macs,
        bit_ops=network_cost(spec, Dense(WEIGHT_BITS, "none"), activation_bits=ACTIVATION_BITS).bit_ops,
        flop_counter_macs=flop_counter // (2 * batch),
        fvcore=fvcore // batch,
        shares=_shares(module, example, spec),
        qonnx=count_qonnx(module, example) if qonnx else None,
    )


def _totals(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[int, int]:
    """Operations by FlopCounterMode and by fvcore, of a whole batch."""
    import torch
    from fvcore.nn import FlopCountAnalysis

    training, counter = module.training, FlopCounterMode(display=False)
    module.eval()
    try:
        with torch.no_grad(), counter:
            module(*inputs)
        analysis = FlopCountAnalysis(module, inputs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        return counter.get_total_flops(), int(analysis.total())
    finally:
        module.train(training)


def _shares(module: nn.Module, example: Example, spec: NetworkSpec) -> dict[str, int]:
    sizes = {tensor.name: tensor.elements for tensor in spec.tensors}
    shares: dict[str, int] = {}
    for step in spec.operations:
        values = _FVCORE_READS.get(step.kind, 0) * sizes[step.inputs[0]] if step.inputs else 0
        values += _FVCORE_WRITES.get(step.kind, 0) * sizes[step.output]
        if values:
            shares[step.kind] = shares.get(step.kind, 0) + values
    skipped = sum(count.macs for count in count_layers(module, example, spec) if count.fvcore_macs == 0 and count.note)
    return shares | ({"padding as text": -skipped} if skipped else {})
