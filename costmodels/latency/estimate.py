"""An estimate for a device that nobody has here: its counted operations at the cycles that its core takes for each."""

from dataclasses import dataclass

from costmodels.cost import LayerCost
from costmodels.devices import Device
from costmodels.errors import DeviceError
from costmodels.schemes.base import FLOAT_BITS

__all__ = ["DeviceEstimate"]


@dataclass(frozen=True)
class DeviceEstimate:
    """Times from a device's own cycles for an operation and its clock, on one core.

    Loads, stores, loops and wait states of the flash are not in it, so a program takes longer: it ranks designs, and
    bounds from below what they take; a step of decoding counts as an addition.

    Args:
        device: with cycles.

    Raises:
        DeviceError: no cycles are known of the device.
    """

    device: Device

    def __post_init__(self) -> None:
        if self.device.cycles is None:
            remedy = "leave latency out, or describe the device with [core.cycles] in a .toml file of your own"
            raise DeviceError("a latency estimate needs the device's cycles for an operation", self.device.name, remedy)

    @property
    def origin(self) -> str:
        """Where its times come from."""
        return (
            f"estimated for {self.device.name}: operations times cycles of its core, one core, without memory traffic"
        )

    @property
    def watts(self) -> float | None:
        """Of the device, while it computes."""
        return self.device.running_watts

    def key(self) -> str:
        """The cycles and the clock."""
        return f"{self.device.clock_hz} {self.device.cycles}"

    def of_cost(self, cost: LayerCost) -> float:
        """Seconds of all calls of a layer, in the execution whose counts it reports."""
        cycles = self.device.cycles
        assert cycles is not None  # noqa: S101
        is_float = FLOAT_BITS in (cost.activation_bits, cost.scheme.filter_bits)
        mac = cycles.float_mac if is_float else cycles.mac
        steps = cost.additions + cost.decoded
        total = cost.macs * mac + steps * cycles.addition + cost.multiplications * cycles.multiplication
        return total / self.device.clock_hz
