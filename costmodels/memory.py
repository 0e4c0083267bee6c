"""SRAM: the peak, over the execution order, of the activation tensors that are live and the scratch of the running
layer.

Every tensor takes its elements times the activation bits, in whole bytes. A tensor is live from the step that writes
it to the last step that reads it; the network's outputs stay live to the end. A view (``views``) lies where the tensor
lies that it is of, and keeps it there. An elementwise step (``reuses``) writes into the place of an input that nothing
reads later, under this or another shape: so a convolution with its normalization and activation takes one place, and a
residual addition writes over one of its two operands. Inputs that the caller gives in memory of its own take none here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from costmodels.network import NetworkSpec, Operation
from costmodels.units import bytes_of_bits

__all__ = ["LiveStep", "SramPeak", "given_bytes", "live_steps", "peak_of"]


@dataclass(frozen=True)
class LiveStep:
    """Bytes of the activation tensors that are live while an operation runs; ``layer`` is set for a costed layer."""

    operation: str
    layer: str | None
    bytes: int
    tensors: tuple[str, ...]


@dataclass(frozen=True)
class SramPeak:
    """The peak in bytes, the operation where it is reached, and its parts."""

    bytes: int
    operation: str
    activation_bytes: int
    scratch_bytes: int


def peak_of(steps: Sequence[LiveStep], scratch_bytes: Mapping[str, int]) -> SramPeak:
    """The peak over the steps, with the scratch of each layer added while it runs. The first of equal peaks."""
    peak = SramPeak(0, "", 0, 0)
    for step in steps:
        scratch = scratch_bytes.get(step.layer, 0) if step.layer else 0
        if step.bytes + scratch > peak.bytes:
            peak = SramPeak(step.bytes + scratch, step.operation, step.bytes, scratch)
    return peak


@lru_cache(maxsize=64)
def live_steps(network: NetworkSpec, activation_bits: int) -> tuple[LiveStep, ...]:
    """The live bytes at every step of the execution order."""
    sizes = {tensor.name: bytes_of_bits(tensor.elements * activation_bits) for tensor in network.tensors}
    places = _places(network, sizes)
    last_read = _last_reads(network, places)
    sizes |= dict.fromkeys(network.given, 0)
    live = {places[name] for name in network.inputs}
    steps = []
    for index, operation in enumerate(network.operations):
        live.add(places[operation.output])
        steps.append(
            LiveStep(operation.name, operation.layer, sum(sizes[place] for place in live), tuple(sorted(live)))
        )
        live = {place for place in live if last_read[place] > index}
    return tuple(steps)


def given_bytes(network: NetworkSpec, activation_bits: int) -> int:
    """Bytes of the inputs that lie in the caller's memory."""
    given = frozenset(network.given)
    return sum(bytes_of_bits(tensor.elements * activation_bits) for tensor in network.tensors if tensor.name in given)


def _places(network: NetworkSpec, sizes: Mapping[str, int]) -> dict[str, str]:
    """For each tensor the name of the place it lies in, which is that of the tensor first written there: its own, that
    of the input it overwrites, or that of the tensor it is a view of."""
    reads: dict[str, int] = {name: len(network.operations) for name in network.outputs}
    for index, operation in enumerate(network.operations):
        for name in operation.inputs:
            reads[name] = max(reads.get(name, 0), index)
    places = {name: name for name in network.inputs}
    ends: dict[str, int] = {name: reads.get(name, -1) for name in network.inputs}
    ends |= dict.fromkeys(network.given, len(network.operations))  # nothing is written over what the caller gives
    for index, operation in enumerate(network.operations):
        if operation.views:
            place = places[operation.inputs[0]]
        elif operation.reuses:
            place = _reused(operation, index, places, ends, sizes)
        else:
            place = operation.output
        places[operation.output] = place
        ends[place] = max(ends.get(place, -1), reads.get(operation.output, index))
    return places


def _reused(
    operation: Operation, index: int, places: Mapping[str, str], ends: Mapping[str, int], sizes: Mapping[str, int]
) -> str:
    """The place of an input that is large enough and that no later step reads, or a place of the output's own."""
    for name in operation.inputs:
        if ends[places[name]] <= index and sizes[places[name]] >= sizes[operation.output]:
            return places[name]
    return operation.output


def _last_reads(network: NetworkSpec, places: Mapping[str, str]) -> dict[str, int]:
    """For each place the last step that reads or writes a tensor in it; past the end for the network's outputs."""
    last: dict[str, int] = {places[name]: -1 for name in network.inputs}
    for index, operation in enumerate(network.operations):
        for name in (*operation.inputs, operation.output):
            last[places[name]] = index
    for name in network.outputs:
        last[places[name]] = len(network.operations)
    return last
