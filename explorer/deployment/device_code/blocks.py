"""How many filters a convolution decodes at once, and with how many bits a weight: what is fast and costs no memory.

The more filters are decoded at once, the less often the values under windows are unpacked, and the more scratch there
is. What lies below the most bytes that are live at once costs nothing; beyond it, scratch is limited. A layer of one
tap whose filters are all decoded at once writes over its input, which saves more than that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil

from explorer.deployment.device_code.arena import live_tensor_bytes
from explorer.deployment.device_code.integer_network import IntegerNetwork
from explorer.deployment.device_code.steps import ConvStep, DepthwiseStep, Step

__all__ = ["likely_block", "small_scratch", "ways", "with_blocks"]

SMALL_SCRATCH, SMALL_PART = 1024, 10
"""Bytes of scratch that any step may take, or one in so many of what is live at most: a little memory for much time."""

INSTRUCTIONS_A_MAC = {1: 0.77, 2: 0.78, 4: 0.82, 8: 0.85, 16: 0.72}
"""By bits of a code: counted on Cortex-M4, the loop alone."""

INSTRUCTIONS_A_VALUE = {"FILTERFRONT_AS_IT_IS": 2.5, "FILTERFRONT_IN_WORDS": 3.0, "FILTERFRONT_IN_A_WINDOW": 6.0}
"""Of unpacking values under a window, likewise."""


def with_blocks(network: IntegerNetwork) -> IntegerNetwork:
    """The network, its convolutions decoding as many filters at once as cost no memory, or little."""
    network = replace(network, steps=tuple(_in_place(step) for step in network.steps))
    live = live_tensor_bytes(network)
    small = small_scratch(live)
    steps = [_within(step, small) for step in network.steps]
    room = max(tensors + step.work_bytes for tensors, step in zip(live, steps, strict=True))
    steps = [_within(step, max(room - tensors, small)) for tensors, step in zip(live, steps, strict=True)]
    return replace(network, steps=tuple(steps))


def small_scratch(live: Sequence[int]) -> int:
    """Bytes of scratch that any step may take, by the bytes of tensors that are live while each step runs."""
    return max(SMALL_SCRATCH, max(live) // SMALL_PART)


def likely_block(step: Step, room: int) -> Step:
    """A step as a network with so much room for its scratch computes it.

    Args:
        step: of any kind.
        room: bytes that it may take.
    """
    return _within(_in_place(step), room)


def _in_place(step: Step) -> Step:
    """A step that writes over its input where the scratch of all its filters is less than its output takes."""
    if not isinstance(step, ConvStep) or step.codes.is_packed:
        return step
    outputs = len(step.coded.filters)
    whole = replace(step, most_at_once=outputs)
    is_less = whole.work_bytes <= replace(step, most_at_once=1).work_bytes + outputs * step.places
    return whole if whole.in_place and is_less else step


def _within(step: Step, room: int) -> Step:
    """The fastest way to compute a step in so much scratch; the one that takes least where nothing fits."""
    if not isinstance(step, ConvStep) or (step.in_place and not isinstance(step, DepthwiseStep)):
        return step
    known = list(ways(step, room))
    fitting = [way for way in known if way.work_bytes <= room]
    return min(fitting, key=_instructions) if fitting else min(known, key=lambda way: way.work_bytes)


def ways(step: ConvStep, room: int) -> Iterator[ConvStep]:
    """Either width of decoded filters, and as many of them as there is room for; one at least.

    Args:
        step: a convolution.
        room: bytes of scratch.
    """
    most = step.window.output_size[0] if isinstance(step, DepthwiseStep) else len(step.coded.filters) // step.groups
    for is_wide in (False, True):
        one, two = (replace(step, most_at_once=count, is_wide=is_wide) for count in (1, 2))
        more = two.work_bytes - one.work_bytes
        count = 1 + max(room - one.work_bytes, 0) // more if more > 0 else most
        yield replace(one, most_at_once=min(count, most))


def _instructions(step: ConvStep) -> float:
    """About how many a step takes, for comparison."""
    if isinstance(step, DepthwiseStep):
        return -step.at_once
    times = ceil(len(step.coded.filters) / step.groups / step.at_once) * step.groups
    unpacked = times * step.values_read * INSTRUCTIONS_A_VALUE[step.reading]
    return unpacked + len(step.coded.filters) * step.values_read * INSTRUCTIONS_A_MAC[step.codes.width]
