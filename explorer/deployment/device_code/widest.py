"""The largest arena of any design of a space: every step with the most scratch that one of its candidates may take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from explorer.deployment.device_code.arena import live_tensor_bytes, plan_arena
from explorer.deployment.device_code.blocks import small_scratch, ways
from explorer.deployment.device_code.integer_network import IntegerNetwork
from explorer.deployment.device_code.steps import ConvStep, DepthwiseStep, Step

__all__ = ["largest_arena"]

ALL_ROOM = 1 << 40


@dataclass(frozen=True)
class _Widest:
    """What a step means for memory (`explorer.deployment.device_code.arena.StepMemory`)."""

    name: str
    output: int
    inputs: tuple[int, ...]
    in_place: tuple[int, ...]
    work_bytes: int


def largest_arena(network: IntegerNetwork, decoding: Mapping[str, int]) -> int:
    """Bytes of an arena that holds the program of any design.

    A convolution over one tap is not taken to write over its input, as some forms do not; filters are taken to have 16
    bits a weight; and what lies below the most bytes that are live at once may be scratch (`blocks.with_blocks`).

    Args:
        network: of a dense design.
        decoding: by layer, the most scratch that decoding a filter takes in addition to the filter.
    """
    live = live_tensor_bytes(network, _widest(network, [0] * len(network.steps)))
    small = small_scratch(live)
    limits = [_limits(step, decoding.get(step.name, 0), small) for step in network.steps]
    peak = max(tensors + likely for tensors, (likely, _) in zip(live, limits, strict=True))
    scratch = [max(likely, min(most, peak - one)) for one, (likely, most) in zip(live, limits, strict=True)]
    return plan_arena(network, _widest(network, scratch)).bytes


def _widest(network: IntegerNetwork, scratch: Sequence[int]) -> list[_Widest]:
    """The steps with a given scratch; a convolution of several channels at once writes over no input."""
    return [
        _Widest(step.name, step.output, step.inputs, () if _is_mixing(step) else step.in_place, size)
        for step, size in zip(network.steps, scratch, strict=True)
    ]


def _is_mixing(step: Step) -> bool:
    return isinstance(step, ConvStep) and not isinstance(step, DepthwiseStep)


def _limits(step: Step, decoding: int, small: int) -> tuple[int, int]:
    """The most scratch of a step where memory is short, and where it is not."""
    if not isinstance(step, ConvStep):
        return step.work_bytes, step.work_bytes
    filters = np.zeros_like(step.coded.filters)
    filters.flat[:1], filters.flat[-1:] = np.iinfo(np.int16).min, np.iinfo(np.int16).max
    wide = replace(step, coded=replace(step.coded, filters=filters, work_bytes=decoding, packed=None))
    packed = step.work_bytes if step.codes.is_packed else 0
    most = max(way.work_bytes for way in ways(wide, ALL_ROOM))
    least = min(way.work_bytes for way in ways(wide, 0))
    return max(packed, least, min(small, most)), max(packed, most)
