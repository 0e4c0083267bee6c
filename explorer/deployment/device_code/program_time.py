"""Times of a design's layers as its exported program takes them on a core, before there is a program."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from costmodels import Device
from costmodels.cost import LayerCost
from explorer.deployment.device_code.arena import live_tensor_bytes
from explorer.deployment.device_code.blocks import likely_block, small_scratch
from explorer.deployment.device_code.instructions.amounts import layer_amounts, step_amounts
from explorer.deployment.device_code.instructions.likely import Spread, likely_step
from explorer.deployment.device_code.instructions.rates import CoreRates, core_rates
from explorer.deployment.device_code.integer_network import IntegerNetwork
from explorer.deployment.device_code.steps import ConvStep, TransposedStep
from explorer.deployment.device_code.targets import target_name

__all__ = ["ProgramTime", "program_time"]


@dataclass(frozen=True, eq=False)
class ProgramTime:
    """Instructions of the layers by the core's table, times cycles of an instruction, over the clock; one core.

    The time of an operation that is no layer counts with the layer before it.

    Args:
        device: of the core.
        rates: its table.
        rooms: by layer, bytes of scratch that its step may take.
        rest: by layer, instructions of the operations between it and the next.
        spreads: of transposed convolutions, by layer.
    """

    device: Device
    rates: CoreRates
    rooms: Mapping[str, int]
    rest: Mapping[str, float]
    spreads: Mapping[str, Spread] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Where the times come from."""
        cycles = self.rates.cycles
        return (
            f"estimated for {self.device.name}: instructions of its C program by a table of emulated layers, times "
            f"{cycles.usual:g} cycles ({cycles.least:g} to {cycles.most:g}: {cycles.source}), on one core at "
            f"{self.device.clock_hz / 1e6:g} MHz"
        )

    @property
    def watts(self) -> float | None:
        """Of the device, while it computes."""
        return self.device.running_watts

    def key(self) -> str:
        """A digest of the table, of the clock and of the rooms."""
        plain = [self.device.clock_hz, self.rates.cycles.usual, self.rates.rates, self.rooms, self.rest, self.spreads]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def instructions(self, cost: LayerCost) -> float:
        """Of all calls of a layer, and of what comes between it and the next.

        Args:
            cost: of the layer.
        """
        found = self.rest.get(cost.name, 0.0)
        for shape, runs in cost.runs.items():
            step = likely_step(shape, cost.scheme, self.rooms[cost.name], self.spreads.get(cost.name))
            amounts = layer_amounts(step, shape, cost.scheme, cost.usage)
            found += runs * self.rates.instructions(step.kernel, amounts)
        return found

    def of_cost(self, cost: LayerCost) -> float:
        """Seconds of all calls of a layer; the program has one way to compute it, whatever execution is counted."""
        return self.instructions(cost) * self.rates.cycles.usual / self.device.clock_hz


def program_time(program: IntegerNetwork, device: Device) -> ProgramTime | None:
    """The times of a network's layers on a device; None where its core was not emulated.

    Args:
        program: of a dense design (`explorer.deployment.device_code.program_need.dense_program`).
        device: with the core.
    """
    rates = core_rates(target_name(device.core))
    if rates is None:
        return None
    elements = {number: tensor.elements for number, tensor in enumerate(program.tensors)}
    layers = [step.name for step in program.steps if isinstance(step, ConvStep)]
    rest, current = dict.fromkeys(layers, 0.0), layers[0] if layers else ""
    for step in program.steps:
        if isinstance(step, ConvStep):
            current = step.name
        elif layers:
            rest[current] += rates.instructions(step.kernel, step_amounts(step, elements))
    transposed = [step for step in program.steps if isinstance(step, TransposedStep)]
    spreads = {step.name: (step.window.stride, step.window.pad) for step in transposed}
    return ProgramTime(device, rates, _rooms(program), rest, spreads)


def _rooms(program: IntegerNetwork) -> dict[str, int]:
    """By layer, the scratch that costs no memory: what other steps need anyway, or a little."""
    live = live_tensor_bytes(program)
    small = small_scratch(live)
    needed = [tensors + likely_block(step, small).work_bytes for tensors, step in zip(live, program.steps, strict=True)]
    rooms: dict[str, int] = {}
    for index, step in enumerate(program.steps):
        if isinstance(step, ConvStep):
            others = max((*needed[:index], *needed[index + 1 :]), default=0)
            rooms[step.name] = min(rooms.get(step.name, others), max(others - live[index], small))
    return rooms
