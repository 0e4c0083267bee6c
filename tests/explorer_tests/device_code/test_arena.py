"""The arena: no two tensors that live at one time share a byte, and plans that are called least are."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explorer.deployment.device_code.arena import Block, place, plan_arena
from explorer.deployment.device_code.reading import integer_network

BLOCKS = st.lists(
    st.builds(
        lambda size, first, length, alignment: Block("", size, first, first + length, alignment),
        st.integers(1, 30),
        st.integers(0, 4),
        st.integers(0, 3),
        st.sampled_from([1, 4]),
    ),
    min_size=1,
    max_size=6,
)


def live(blocks):
    return max(sum(block.bytes for block in blocks if block.first <= at <= block.last) for at in range(9))


def size_of(blocks, offsets):
    return max(offset + block.bytes for offset, block in zip(offsets, blocks, strict=True))


def least_of_all_orders(blocks):
    """Every order of placing each block at its lowest free offset, in plain loops."""
    best = None
    for order in permutations(range(len(blocks))):
        offsets = {}
        for index in order:
            own, offset = blocks[index], 0
            while any(
                blocks[other].meets(own) and offset < at + blocks[other].bytes and at < offset + own.bytes
                for other, at in offsets.items()
            ):
                offset += own.alignment
            offsets[index] = offset
        size = size_of(blocks, [offsets[index] for index in range(len(blocks))])
        best = size if best is None else min(best, size)
    return best


@settings(deadline=None, max_examples=60)
@given(BLOCKS)
def test_blocks_that_meet_lie_apart_and_the_plan_is_the_least(blocks):
    offsets, is_least = place(blocks, live(blocks))
    for one, (block, at) in enumerate(zip(blocks, offsets, strict=True)):
        assert at % block.alignment == 0
        for other, start in list(zip(blocks, offsets, strict=True))[one + 1 :]:
            assert not block.meets(other) or at + block.bytes <= start or start + other.bytes <= at
    assert is_least
    assert size_of(blocks, offsets) == least_of_all_orders(blocks)


class Chain(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        x = self.first(x).relu()
        return (self.second(x) + x).relu().mean((2, 3))


def test_a_residual_addition_is_written_over_an_operand(packed, images):
    plan = plan_arena(integer_network(packed(Chain(), images(8, 1, 6, 6))))
    # Two maps of 4 channels on 6x6 places while the second convolution runs; its scratch: 4 filters of 4*9 numbers of
    # 2 bytes, 16 bytes for the requantization of each, and the numbers under the windows of four places.
    scratch = 4 * (2 * 4 * 9 + 16) + 4 * 2 * 4 * 9
    assert plan.bytes == plan.live_bytes == 2 * 4 * 36 + scratch
    assert plan.is_least


@pytest.mark.parametrize("count", [1, 5])
def test_equal_lives_are_stacked(count):
    offsets, _ = place([Block("", 8, 0, 1)] * count, 8 * count)
    assert sorted(offsets) == (8 * np.arange(count)).tolist()
