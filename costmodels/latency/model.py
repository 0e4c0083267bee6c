"""Time from work: for each kernel a few seconds-per-unit, all of them named and none negative.

    seconds = sum over amounts of (seconds of one) x (how many),

the additive form of the roofline (Williams, Waterman & Patterson, CACM 2009): kernels that read, compute and write in
turn take the sum of their parts, not the greatest. The rates come from a micro-benchmark of this machine; here they are
facts.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from costmodels.cost import LayerCost
from costmodels.errors import CostModelError
from costmodels.latency.work import Work, layer_work
from costmodels.machine import AMOUNTS
from costmodels.network import COUNTED, NetworkSpec
from costmodels.network_costs import NetworkCost
from costmodels.schemes import LayerUsage, Scheme
from costmodels.shapes import ConvShape

__all__ = ["LatencyModel", "LatencySource", "NetworkLatency", "left_out", "network_latency"]

_NOTHING_KNOWN = LayerUsage()


@dataclass(frozen=True)
class LatencyModel:
    """Rates of a machine's kernels.

    Args:
        rates: by kernel and amount (`costmodels.machine.AMOUNTS`) the seconds of one; what is absent is 0.
        machine: what the rates are of, by fact: CPU, threads, versions.
    """

    rates: Mapping[str, Mapping[str, float]]
    machine: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kernel, rates in self.rates.items():
            for name, rate in rates.items():
                if name not in AMOUNTS or not 0 <= rate < float("inf"):
                    rule = "a rate is of a known amount, in seconds of at least 0"
                    raise CostModelError(rule, f"{rate!r} for {name} of {kernel}", "calibrate again")

    def seconds(self, work: Work) -> float:
        """The time of one run.

        Raises:
            CostModelError: the kernel is not calibrated.

        >>> model = LatencyModel({"k": {"calls": 2e-6, "written": 1e-9}})
        >>> round(model.seconds(Work("k", {"calls": 1, "written": 3000})) * 1e6, 3)
        5.0
        """
        if work.kernel not in self.rates:
            names = ", ".join(sorted(self.rates)) or "none"
            raise CostModelError(f"a kernel is one of the calibrated: {names}", work.kernel, "calibrate again")
        rates = self.rates[work.kernel]
        return sum(rates.get(name, 0.0) * amount for name, amount in work.amounts.items())

    def layer_seconds(
        self,
        shape: ConvShape,
        scheme: Scheme,
        activation_bits: int,
        execution: str,
        usage: LayerUsage = _NOTHING_KNOWN,
    ) -> float:
        """The time of a layer in one execution of the kernels; arguments as of `layer_work`.

        Raises:
            SchemeError, CostModelError: there is no such kernel, or it is not calibrated.
        """
        return self.seconds(layer_work(shape, scheme, activation_bits, execution, usage))

    @property
    def watts(self) -> float | None:
        """Not known of a machine."""
        return None

    @property
    def origin(self) -> str:
        """Where its times come from."""
        threads = self.machine.get("threads", "1")
        return f"predicted for this machine's kernels, batch 1, threads: {threads}"

    def key(self) -> str:
        """A digest of the rates."""
        plain = json.dumps({kernel: dict(rates) for kernel, rates in self.rates.items()}, sort_keys=True)
        return hashlib.sha256(plain.encode()).hexdigest()

    def of_cost(self, cost: LayerCost) -> float:
        """The time of all calls of a costed layer, in the execution whose counts it reports."""
        execution = cost.operations.method or cost.execution
        return sum(
            runs * self.layer_seconds(shape, cost.scheme, cost.activation_bits, execution, cost.usage)
            for shape, runs in cost.runs.items()
        )


@dataclass(frozen=True)
class NetworkLatency:
    """The time of a network, batch 1.

    Args:
        layers: seconds by layer name.
        left_out: kinds of operations whose time is not in it.
    """

    layers: Mapping[str, float]
    left_out: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """The sum over layers."""
        return sum(self.layers.values())


class LatencySource(Protocol):
    """What gives times of costed layers: a calibrated machine, or a device's own figures."""

    @property
    def watts(self) -> float | None:
        """What is drawn meanwhile; None where it is not known."""

    @property
    def origin(self) -> str:
        """Where the times come from, in words."""

    def key(self) -> str:
        """Equal for sources that give equal times."""

    def of_cost(self, cost: LayerCost) -> float:
        """Seconds of all calls of a layer, in the execution whose counts it reports."""


def network_latency(source: LatencySource, network: NetworkSpec, cost: NetworkCost) -> NetworkLatency:
    """The time of a costed network: every layer in the execution that its cost reports.

    Args:
        source: of the times.
        network: the network.
        cost: what it costs.

    Raises:
        CostModelError: a kernel is not calibrated.
    """
    return NetworkLatency({layer.name: source.of_cost(layer) for layer in cost.layers}, left_out(network))


def left_out(network: NetworkSpec) -> tuple[str, ...]:
    """The kinds of a network's operations that have no time in the model, sorted; views among them."""
    return tuple(sorted({step.kind for step in network.operations if step.status != COUNTED}))
