"""How many filters a convolution decodes at once: the more, the less often windows are unpacked, and the more scratch.

Scratch that no other step would leave free anyway is limited; what lies below the most that is live at once costs
nothing, so that steps there decode as many filters as fit into it.
"""

from collections.abc import Sequence
from dataclasses import replace

from explorer.device_code.arena import live_tensor_bytes
from explorer.device_code.integer_network import IntegerNetwork
from explorer.device_code.steps import ConvStep, Step

__all__ = ["with_blocks"]

SMALL_SCRATCH, SMALL_PART = 1024, 10
"""Bytes of scratch that any step may take, or one in so many of what is live at most: a little memory for much time."""

MOST_FILTERS = 64
"""Beyond it, what is saved is less than one instruction in a hundred."""


def with_blocks(network: IntegerNetwork) -> IntegerNetwork:
    """The network, its convolutions decoding as many filters at once as cost no memory, or little."""
    live = live_tensor_bytes(network)
    small = [_limited(step, max(SMALL_SCRATCH, max(live) // SMALL_PART)) for step in network.steps]
    room = max(tensors + step.work_bytes for tensors, step in zip(live, small, strict=True))
    steps = _largest(small, [room - tensors for tensors in live])
    return replace(network, steps=tuple(steps))


def _largest(steps: Sequence[Step], rooms: Sequence[int]) -> list[Step]:
    return [_limited(step, max(room, step.work_bytes)) for step, room in zip(steps, rooms, strict=True)]


def _limited(step: Step, room: int) -> Step:
    """A step that decodes as many filters at once as there is room for, one at least."""
    if not isinstance(step, ConvStep):
        return step
    one, two = (replace(step, most_at_once=count).work_bytes for count in (1, 2))
    count = MOST_FILTERS if one == two else 1 + (room - one) // (two - one)
    return replace(step, most_at_once=min(max(count, 1), MOST_FILTERS))
