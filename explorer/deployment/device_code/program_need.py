"""What the exported program of any design of a space takes in addition to what is counted of the design.

The network is read as C is written of it, in dense form, before anything is fitted or trained: which kernels its
operations call, and how its tensors lie. Of every layer the candidate counts that takes most.
"""

from collections.abc import Iterator, Mapping, Sequence

from costmodels import Dense, LayerSpec, NetworkSpec, Scheme
from costmodels.flash import channel_bits, flash_bytes
from costmodels.memory import live_steps, peak_of
from costmodels.program_need import ProgramNeed
from explorer.deployment.device_code.code_bytes import kernel_sources, predicted_code
from explorer.deployment.device_code.folder import kernel_files
from explorer.deployment.device_code.forms.bounds import form_bound, growth_bytes
from explorer.deployment.device_code.integer_network import IntegerNetwork
from explorer.deployment.device_code.reading import integer_network
from explorer.deployment.device_code.steps import AddStep, ConvStep, RescaleStep, Step, SumPoolStep
from explorer.deployment.device_code.steps.conv import GATHERING
from explorer.deployment.device_code.structures import STEP_BYTES, WORD_BYTES
from explorer.deployment.device_code.targets import TARGETS
from explorer.deployment.device_code.widest import largest_arena
from explorer.deployment.packed.network import pack_network
from explorer.forms.fitting import fit
from explorer.measurement.activation_ranges import ActivationRange, ActivationRanges
from explorer.measurement.rounded_nodes import rounded_nodes
from explorer.networks.trace import TracedNetwork

__all__ = ["dense_program", "needs_of_program", "program_needs"]

BITS = 8
STREAM_BYTES = 16
"""Of a layer: what fills each of its streams, at most four, up to whole words."""

CODE_WIDTHS = (1, 2, 4, 8, 16)
"""Of filters that are multiplied; which of them depends on what is fitted."""

Candidates = Mapping[str, Sequence[Scheme]]


def program_needs(traced: TracedNetwork, candidates: Candidates, least_bits: int) -> tuple[ProgramNeed, ...]:
    """What programs need on each processor of which the code is known.

    Args:
        traced: the network.
        candidates: of each layer, by its name.
        least_bits: of activations, as SRAM is counted; the program takes a byte for each.

    Raises:
        DeviceCodeError: the network has no C form.
    """
    return needs_of_program(dense_program(traced), traced.spec, candidates, least_bits)


def dense_program(traced: TracedNetwork) -> IntegerNetwork:
    """The network in dense form, in integers, its ranges made up: its memory and its kernels do not depend on them.

    Args:
        traced: the network.

    Raises:
        DeviceCodeError: the network has no C form.
    """
    tensors = dict.fromkeys(rounded_nodes(traced).values(), ActivationRange(-1.0, 1.0))
    layers = {layer.name: fit(traced.weights[layer.name], layer.shape, Dense(BITS)) for layer in traced.spec.layers}
    return integer_network(pack_network(traced, layers, ActivationRanges(BITS, tensors)))


def needs_of_program(
    program: IntegerNetwork, network: NetworkSpec, candidates: Candidates, least_bits: int
) -> tuple[ProgramNeed, ...]:
    """As `program_needs`, of a network that was read before.

    Args:
        program: of `dense_program`.
        network: the network.
        candidates: of each layer, by its name.
        least_bits: of activations, as SRAM is counted.
    """
    decoding = {
        name: max(form_bound(scheme).work_bytes(scheme) for scheme in schemes) for name, schemes in candidates.items()
    }
    counted = peak_of(live_steps(network, least_bits), {}).bytes
    sources = kernel_sources(name for name, _ in kernel_files(tuple(_kernels(program, candidates))))
    tables = sum(_table_bytes(program, network, candidates))
    buffers = sum(program.tensors[number].elements for number in program.inputs)
    buffers += WORD_BYTES * sum(program.tensors[number].elements for number in program.outputs)
    arena = max(0, largest_arena(program, decoding) - counted)
    codes = {target: predicted_code(target, sources, len(program.steps)) for target in TARGETS}
    return tuple(
        ProgramNeed(target, code.kernels + code.libraries, tables, arena, buffers, code.stack)
        for target, code in codes.items()
        if code is not None
    )


def _kernels(program: IntegerNetwork, candidates: Candidates) -> Iterator[str]:
    """Sources that designs may call."""
    yield from {step.kernel for step in program.steps}
    if any(isinstance(step, ConvStep) for step in program.steps):
        yield from {form_bound(scheme).kernel for schemes in candidates.values() for scheme in schemes}
        yield from (f"codes_{width}" for width in CODE_WIDTHS)
    if any(step.kernel == ConvStep.kernel for step in program.steps):
        yield from GATHERING.values()


def _table_bytes(program: IntegerNetwork, network: NetworkSpec, candidates: Candidates) -> Iterator[int]:
    """Of each step the most bytes of multipliers, biases and structures beyond what is counted of a candidate."""
    layers = {layer.name: layer for layer in network.layers}
    counted: set[str] = set()
    for step in program.steps:
        own = STEP_BYTES[step.kernel] + _number_bytes(step)
        if isinstance(step, ConvStep):
            layer, schemes = layers[step.name], candidates[step.name]
            own += max(_form_bytes(layer, scheme, step.name not in counted) for scheme in schemes)
            counted.add(step.name)
        yield own


def _form_bytes(layer: LayerSpec, scheme: Scheme, is_first: bool) -> int:
    """Of a layer's form: its structure and what fills its streams, its scales; less biases and scales as counted."""
    structure = WORD_BYTES * form_bound(scheme).words + STREAM_BYTES
    if not is_first:  # what layers store is counted once, and so are their streams
        return structure
    return structure + growth_bytes(scheme, layer.shape) - int(flash_bytes(channel_bits(layer, scheme)))


def _number_bytes(step: Step) -> int:
    """Of multipliers and of biases of 32 bits, and of limits of floats, each in whole words."""
    if not isinstance(step, (ConvStep, AddStep, RescaleStep, SumPoolStep)):
        return 0
    fixed = step.finish.fixed
    filters = len(step.coded.filters) if isinstance(step, ConvStep) else 0
    multipliers, biases = max(filters, len(fixed.multipliers)), max(filters, len(fixed.biases))
    return WORD_BYTES * (-(-multipliers // 2) + biases + (2 if step.finish.range else 0))
