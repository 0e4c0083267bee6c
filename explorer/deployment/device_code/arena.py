"""The arena: where each tensor lies in the program's one working memory, so that it is as small as it can be found.

Every tensor that a step writes, and the scratch of each running step, is a block of bytes that lives from the step
that first writes it to the last that reads it. Inputs and outputs lie in the caller's memory. A step that works value
by value writes over an input that nothing reads later. No arrangement can do with less than the most bytes that are
live at once: where that is reached the plan is proved; else orders of placing the blocks are searched, largest first,
all of them where there are few enough.

Derived; placing the largest block first at its lowest free offset is the usual heuristic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from explorer.deployment.device_code.integer_network import IntegerNetwork

__all__ = ["ArenaPlan", "Block", "StepMemory", "live_tensor_bytes", "plan_arena"]

WORD_BYTES = 4
"""Scratch begins at a multiple of it, for the numbers of 2 and 4 bytes that lie there."""

MOST_PLACEMENTS = 20_000
"""Blocks placed in a search for a better order, after which the best so far is taken."""


@dataclass(frozen=True)
class Block:
    """Bytes that live from one step to another.

    Args:
        name: of the tensor, or of the step whose scratch it is.
        bytes: how many.
        first: the step that writes it first.
        last: the last step that reads it.
        alignment: its offset is a multiple of it.
    """

    name: str
    bytes: int
    first: int
    last: int
    alignment: int = 1

    def meets(self, other: "Block") -> bool:
        """Whether both live at one time."""
        return self.first <= other.last and other.first <= self.last


class StepMemory(Protocol):
    """What a step means for memory; `explorer.deployment.device_code.steps.Step` is one."""

    @property
    def name(self) -> str:
        """Of the layer or operation."""

    @property
    def output(self) -> int:
        """Number of the tensor that it writes."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """Numbers of the tensors that it reads."""

    @property
    def in_place(self) -> tuple[int, ...]:
        """Inputs that the output may be written over."""

    @property
    def work_bytes(self) -> int:
        """Scratch that it takes."""


@dataclass(frozen=True)
class ArenaPlan:
    """Offsets in the arena.

    Args:
        tensors: by tensor number, of those that lie in it.
        scratch: by step, of those that have some.
        bytes: of the arena.
        live_bytes: the most that are live at once, below which no plan is.
        live_step: the step at which they are.
        is_least: whether no plan is smaller: it is as small as what is live, or every order was tried.
    """

    tensors: dict[int, int]
    scratch: dict[int, int]
    bytes: int
    live_bytes: int
    live_step: int
    is_least: bool


def plan_arena(network: IntegerNetwork, steps: Sequence[StepMemory] | None = None) -> ArenaPlan:
    """The plan of a network's tensors and scratch.

    Args:
        network: whose tensors they are.
        steps: what each of its steps means for memory; its own by default.
    """
    steps = network.steps if steps is None else steps
    blocks, homes = _tensor_blocks(network, steps)
    scratch = {
        index: Block(step.name, step.work_bytes, index, index, WORD_BYTES)
        for index, step in enumerate(steps)
        if step.work_bytes
    }
    all_blocks = [*blocks, *scratch.values()]
    live = [_live(all_blocks, step) for step in range(len(steps))]
    offsets, is_least = place(all_blocks, max(live))
    size = max((offset + block.bytes for offset, block in zip(offsets, all_blocks, strict=True)), default=0)
    return ArenaPlan(
        {tensor: offsets[place] for tensor, place in homes.items()},
        dict(zip(scratch, offsets[len(blocks) :], strict=True)),
        size,
        max(live),
        live.index(max(live)),
        is_least or size == max(live),
    )


def live_tensor_bytes(network: IntegerNetwork, steps: Sequence[StepMemory] | None = None) -> list[int]:
    """Bytes of the tensors in the arena that are live while each step runs, scratch apart; arguments as of
    `plan_arena`."""
    steps = network.steps if steps is None else steps
    blocks, _ = _tensor_blocks(network, steps)
    return [_live(blocks, step) for step in range(len(steps))]


def _live(blocks: Sequence[Block], step: int) -> int:
    """Bytes that are live while a step runs."""
    return sum(block.bytes for block in blocks if block.first <= step <= block.last)


def _tensor_blocks(network: IntegerNetwork, steps: Sequence[StepMemory]) -> tuple[list[Block], dict[int, int]]:
    """Blocks of the tensors, and by tensor the place of its block in the list."""
    written: dict[int, int] = {}
    read: dict[int, int] = {}
    for index, step in enumerate(steps):
        written.setdefault(step.output, index)
        read[step.output] = index
        for tensor in step.inputs:
            read[tensor] = index
    outside = {*network.inputs, *network.outputs}
    blocks: list[Block] = []
    homes: dict[int, int] = {}
    for tensor, first in written.items():
        if tensor in outside:
            continue
        size = network.tensors[tensor].elements
        over = next(
            (
                homes[source]
                for source in steps[first].in_place
                if source in homes and blocks[homes[source]].last == first and blocks[homes[source]].bytes >= size
            ),
            None,
        )
        if over is None:
            homes[tensor] = len(blocks)
            blocks.append(Block(network.tensors[tensor].name, size, first, read[tensor]))
        else:
            homes[tensor] = over
            known = blocks[over]
            blocks[over] = Block(known.name, known.bytes, known.first, read[tensor])
    return blocks, homes


def place(blocks: Sequence[Block], least: int) -> tuple[list[int], bool]:
    """Offsets of blocks, and whether they are proved to need the fewest bytes.

    Args:
        blocks: in any order.
        least: the most bytes that are live at once.
    """
    order = sorted(range(len(blocks)), key=lambda index: (-blocks[index].bytes, blocks[index].first))
    offsets: dict[int, int] = {}
    for index in order:
        offsets[index] = _lowest(blocks, offsets, index)
    best, size = dict(offsets), _size(blocks, offsets)
    search = _Search(blocks, order, least, best, size)
    if size > least:
        search.go({}, 0)
    return [search.best[index] for index in range(len(blocks))], not search.is_cut


class _Search:
    """Orders of placing blocks, each at its lowest free offset: one of them is a least plan."""

    def __init__(self, blocks: Sequence[Block], order: list[int], least: int, best: dict[int, int], size: int) -> None:
        self.blocks, self.order, self.least, self.best, self.size = blocks, order, least, best, size
        self.placed, self.is_cut = 0, False

    def go(self, offsets: dict[int, int], size: int) -> None:
        """Places every block that is left, each first in turn."""
        if len(offsets) == len(self.blocks):
            self.best, self.size = dict(offsets), size
            return
        for index in self.order:
            if index in offsets:
                continue
            if self.size == self.least:
                return
            self.placed += 1
            if self.placed > MOST_PLACEMENTS:
                self.is_cut = True
                return
            offset = _lowest(self.blocks, offsets, index)
            grown = max(size, offset + self.blocks[index].bytes)
            if grown < self.size:
                self.go({**offsets, index: offset}, grown)


def _lowest(blocks: Sequence[Block], offsets: dict[int, int], index: int) -> int:
    """The lowest offset at which a block meets none that is placed."""
    own, offset = blocks[index], 0
    taken = sorted((offsets[other], blocks[other].bytes) for other in offsets if blocks[other].meets(own))
    for start, length in taken:
        if offset + own.bytes <= start:
            break
        offset = max(offset, -(-(start + length) // own.alignment) * own.alignment)
    return offset


def _size(blocks: Sequence[Block], offsets: dict[int, int]) -> int:
    return max((offset + blocks[index].bytes for index, offset in offsets.items()), default=0)
