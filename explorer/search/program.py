"""What the exported program means for a search: whether there is one, and what it takes of the device."""

from dataclasses import dataclass

from costmodels import Device, NetworkSpec
from costmodels.latency import LatencySource
from costmodels.program_need import ProgramNeed
from costmodels.text import ALIASES
from explorer.config.search import SearchConfig
from explorer.config.search_rules import MOST_LEVEL_BITS
from explorer.deployment.device_code.targets import target_name
from explorer.networks.trace import TracedNetwork
from explorer.system.errors import ConfigError, DeviceCodeError
from searches.space import Grid, Space

__all__ = ["KnownProgram", "check_deployable", "deployable_grid", "known_program"]

TAKEN_UP = frozenset({"batch_norm"})
"""Operations that C takes up in others."""


@dataclass(frozen=True, eq=False)
class KnownProgram:
    """A search's network as its exported program has it on the device.

    Args:
        needs: what it takes beyond the design's figures, by processor; none where it is not known.
        time: what gives the times of its layers; None where the device's core has no table.
        why_not: why nothing is known on a core that C is written for, in words.
    """

    needs: tuple[ProgramNeed, ...] = ()
    time: LatencySource | None = None
    why_not: str = ""


def known_program(config: SearchConfig, device: Device | None, traced: TracedNetwork, space: Space) -> KnownProgram:
    """The program, where budgets or times depend on it.

    Args:
        config: of the search.
        device: that it is for; None without one.
        traced: the network.
        space: its designs.
    """
    if device is None or not target_name(device.core):
        return KnownProgram()
    if max(config.activation_widths, default=config.activation_bits) > MOST_LEVEL_BITS:
        return KnownProgram(why_not=f"C has activations of {MOST_LEVEL_BITS} bits and fewer")
    from explorer.deployment.device_code.program_need import dense_program, needs_of_program
    from explorer.deployment.device_code.program_time import program_time

    try:
        program = dense_program(traced)
    except DeviceCodeError as error:
        return KnownProgram(why_not=f"the network has no C form ({error.value})")
    candidates = {layer.name: layer.candidates for layer in space.layers}
    needs = needs_of_program(program, traced.spec, candidates, config.least_activation_bits)
    return KnownProgram(needs, program_time(program, device))


def check_deployable(traced: TracedNetwork) -> None:
    """Refuses a network that cannot be written as C, before anything is trained or fitted.

    Args:
        traced: the network.

    Raises:
        DeviceCodeError: it names every operation without a C form.
    """
    from explorer.deployment.device_code.program_need import dense_program

    try:
        dense_program(traced)
    except DeviceCodeError as error:
        named = _without_c(traced.spec)
        found = ", ".join(named) if len(named) > 1 else error.value
        remedy = f"{error.remedy}, or search without --deployable"
        raise DeviceCodeError(error.rule, found, remedy, where=error.where) from error


def deployable_grid(grid: Grid) -> Grid:
    """The schemes of a design space that have a C form.

    Args:
        grid: the space.

    Raises:
        ConfigError: none has.
    """
    from explorer.deployment.device_code.forms.bounds import FORM_BOUNDS

    kept = {name: values for name, values in grid.items() if ALIASES.get(name, (name,))[0] in FORM_BOUNDS}
    if not kept:
        known = ", ".join(FORM_BOUNDS)
        raise ConfigError("--deployable designs have a C form", f"none of {', '.join(grid)} has", f"choose of {known}")
    return kept


def _without_c(network: NetworkSpec) -> list[str]:
    """Operations that C has no form for, whatever they are of."""
    from explorer.deployment.device_code.reading import C_OPERATIONS

    known = C_OPERATIONS | TAKEN_UP
    return [f"{step.kind} at {step.name}" for step in network.operations if not step.layer and step.kind not in known]
