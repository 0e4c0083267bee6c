"""What the exported program means for a search: what it takes of the device."""

from costmodels import Device
from costmodels.program_need import ProgramNeed
from explorer.config.search import SearchConfig
from explorer.device_code.targets import target_name
from explorer.networks.trace import TracedNetwork
from explorer.system.errors import DeviceCodeError
from searches.space import Space

__all__ = ["MOST_BITS", "known_needs"]

MOST_BITS = 8
"""Of activations in C."""


def known_needs(
    config: SearchConfig, device: Device | None, traced: TracedNetwork, space: Space
) -> tuple[tuple[ProgramNeed, ...], str]:
    """What the exported program takes on each processor, where budgets depend on it.

    Args:
        config: of the search.
        device: that it is for; None without one.
        traced: the network.
        space: its designs.

    Returns:
        (needs; why there are none on a core that C is written for, in words).
    """
    if device is None or not target_name(device.core):
        return (), ""
    if max(config.activation_widths, default=config.activation_bits) > MOST_BITS:
        return (), f"C has activations of {MOST_BITS} bits and fewer"
    from explorer.device_code.program_need import program_needs

    candidates = {layer.name: layer.candidates for layer in space.layers}
    try:
        return program_needs(traced, candidates, config.least_activation_bits), ""
    except DeviceCodeError as error:
        return (), f"the network has no C form ({error.value})"
