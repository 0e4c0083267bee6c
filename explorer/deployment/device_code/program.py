"""The C program of an integer network: its arrays and structures in flash, its calls, and what they take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from explorer.deployment.device_code import c_text
from explorer.deployment.device_code.arena import ArenaPlan, plan_arena
from explorer.deployment.device_code.forms.coded_filters import Fact, Stream
from explorer.deployment.device_code.host.prepared import Prepared, write_prepared
from explorer.deployment.device_code.integer_network import IntegerNetwork
from explorer.deployment.device_code.steps import (
    AddStep,
    ConvStep,
    Finish,
    FlattenStep,
    MaxPoolStep,
    RescaleStep,
    Step,
    SumPoolStep,
    Window,
)
from explorer.deployment.device_code.structures import WORD_BYTES, structure_bytes

__all__ = ["Program", "write_program"]


@dataclass(frozen=True, eq=False)
class Program:
    """What is written of a network.

    Args:
        source: model.c, but for its includes.
        kernels: C sources that it calls, by their names without ``filterfront_``.
        headers: that declare functions and structures of compressed forms, likewise.
        plan: of the arena.
        packed_bytes: of the streams, as they are packed.
        number_bytes: of multipliers, biases and ranges.
        plan_bytes: of structures on a processor of 32 bits, and what fills streams and numbers up to whole words there.
        prepared: the part for processors with wide vectors; None where it is not written.
    """

    source: str
    kernels: tuple[str, ...]
    headers: tuple[str, ...]
    plan: ArenaPlan
    packed_bytes: int
    number_bytes: int
    plan_bytes: int
    prepared: Prepared | None = None


def write_program(network: IntegerNetwork, is_wide: bool = False) -> Program:
    """The program of a network.

    Args:
        network: that is written.
        is_wide: whether with the part for processors with wide vectors.
    """
    writer = _Writer(network)
    body = "".join(writer.call(index, step) for index, step in enumerate(network.steps))
    convolutions = [step for step in network.steps if isinstance(step, ConvStep)]
    sources = dict.fromkeys(source for step in convolutions for source in step.sources)
    headers = ["dot"] if any(source.startswith("codes_") for source in sources) else []
    forms = [source for source in sources if not source.startswith(("codes_", "gather_"))]
    kernels = dict.fromkeys(step.kernel for step in network.steps)
    text = "".join(writer.texts) + _RUN.replace("@CALLS@", body)
    counted = writer.packed_bytes, writer.number_bytes, writer.plan_bytes
    program = Program(text, (*kernels, *sources), (*headers, *forms), writer.plan, *counted)
    return _with_prepared(program, writer.prepared()) if is_wide else program


def _with_prepared(program: Program, prepared: Prepared) -> Program:
    kernels = tuple(dict.fromkeys((*program.kernels, *prepared.kernels)))
    headers, source = (*program.headers, "wide"), program.source + prepared.source
    return replace(program, source=source, kernels=kernels, headers=headers, prepared=prepared)


_RUN = """
#ifdef MODEL_TRACE
void model_step(int step); /* called after every step, by number */
#define MODEL_STEP(step) model_step(step)
#else
#define MODEL_STEP(step) ((void)0)
#endif

int model_run(const int8_t *input, float *output, void *arena)
{
    int8_t *const memory = (int8_t *)arena;

    if (input == NULL || output == NULL || arena == NULL) {
        return MODEL_ERROR_NULL;
    }
    if ((uintptr_t)arena % MODEL_ARENA_ALIGNMENT != 0) {
        return MODEL_ERROR_ALIGNMENT;
    }
@CALLS@    return 0;
}
"""


class _Writer:
    """Gathers the text of constants while it goes through the steps."""

    def __init__(self, network: IntegerNetwork) -> None:
        self.network, self.plan = network, plan_arena(network)
        self.texts: list[str] = []
        self.packed_bytes = self.number_bytes = self.plan_bytes = 0
        self._used = {"model_run", "model_step", "model_prepare", "model_run_prepared"}
        self._names: list[str] = []
        self._streams: dict[Stream, str] = {}
        self._numbers: dict[tuple[str, bytes], str] = {}
        self._places = {
            number: place if not first else f"{place} + {first}"
            for place, numbers in (("input", network.inputs), ("output", network.outputs))
            for number, first in zip(numbers, _running(network, numbers), strict=True)
        }

    def call(self, index: int, step: Step) -> str:
        """The line of a step; its constants are added to the text."""
        name = c_text.identifier(step.name, self._used)
        self._names.append(name)
        self.texts.append(f"\n/* {c_text.comment(_described(step))} */\n")
        arguments = [f"&{name}", *map(self._pointer, step.inputs), self._pointer(step.output)]
        if isinstance(step, ConvStep):
            arguments.append(f"memory + {self.plan.scratch[index]}")
        facts = dict(self._facts(name, step))
        kind = _KINDS.get(step.kernel, step.kernel)
        self._add_structure(kind, name, facts)
        return f"    filterfront_{step.kernel}({', '.join(arguments)});\n    MODEL_STEP({index});\n"

    def prepared(self) -> Prepared:
        """The part for processors with wide vectors, after all calls."""
        return write_prepared(self.network, self._names, self._places, self._used)

    def _pointer(self, tensor: int) -> str:
        return self._places.get(tensor) or f"memory + {self.plan.tensors[tensor]}"

    def _facts(self, name: str, step: Step) -> Iterator[tuple[str, Fact]]:
        if isinstance(step, ConvStep):
            yield from self._conv_facts(name, step)
        elif isinstance(step, (MaxPoolStep, SumPoolStep)):
            yield from _window_facts(step.window, "channels", step.channels)
            if isinstance(step, SumPoolStep):
                yield from (("input_zero", step.zero), ("output", self._output(name, step.finish)))
            else:
                yield from (("input_zero", 0), ("output", _NO_OUTPUT))
        elif isinstance(step, AddStep):
            yield "values", self.network.tensors[step.output].elements
            yield from zip(("first_zero", "second_zero"), step.zeros, strict=True)
            yield "second_multiplier", int(step.finish.fixed.multipliers[1])
            yield "output", self._output(name, step.finish, first_alone=True)
        elif isinstance(step, FlattenStep):
            yield from (("places", step.places), ("channels", step.channels))
        elif isinstance(step, RescaleStep):
            yield from _part_facts(step)
            yield "output", self._output(name, step.finish)

    def _conv_facts(self, name: str, step: ConvStep) -> Iterator[tuple[str, Fact]]:
        is_decoded = step.coded.kernel in step.sources
        if is_decoded:
            form, kernel = c_text.identifier(f"{name}_form", self._used), step.coded.kernel
            self._add_streams(name, step.coded.facts)
            self._add_structure(kernel, form, step.coded.facts)
            yield from (("decode", f"filterfront_{kernel}_filter"), ("form", f"&{form}"))
        else:
            yield from (("decode", None), ("form", None))
        yield "gather", f"filterfront_{step.gathering}" if step.gathering else None
        self._add_streams(name, step.code_facts)
        yield "codes", step.code_facts
        yield from _window_facts(step.window, "input_channels", step.channels)
        yield "output_channels", len(step.coded.filters)
        yield "groups", step.groups
        yield "input_zero", step.zero
        yield from (("input", step.reading), ("block", step.at_once))
        yield "output", self._output(name, step.finish)

    def _add_structure(self, kind: str, name: str, facts: Mapping[str, Fact]) -> None:
        text = c_text.initializer(facts, self._streams)
        self.texts.append(f"static const filterfront_{kind}_t {name} = {_wrapped(text)};\n")
        self.plan_bytes += structure_bytes(kind, facts)

    def _add_streams(self, name: str, facts: Fact) -> None:
        if isinstance(facts, Stream):
            if facts not in self._streams:
                self._streams[facts] = c_text.identifier(f"{name}_{facts.component}", self._used)
                self.texts.append(c_text.array("uint8_t", self._streams[facts], facts.data))
                self.packed_bytes += len(facts.data)
                self.plan_bytes += -len(facts.data) % WORD_BYTES if facts.data else WORD_BYTES
        elif isinstance(facts, dict):
            for fact in facts.values():
                self._add_streams(name, fact)

    def _output(self, name: str, finish: Finish, first_alone: bool = False) -> Fact:
        fixed = finish.fixed
        multipliers = fixed.multipliers[:1] if first_alone else fixed.multipliers
        limits: Fact = None
        if finish.range is not None:
            limits = c_text.identifier(f"{name}_range", self._used)
            values = ", ".join(map(c_text.float_literal, finish.range))
            self.texts.append(f"static const float {limits}[2] = {{{values}}};\n")
            self.number_bytes += 2 * WORD_BYTES
        biases, is_narrow = self._array(f"{name}_biases", fixed.biases), fixed.biases.dtype == np.int16
        return {
            "multipliers": self._array(f"{name}_multipliers", multipliers),
            "biases": biases if is_narrow else None,
            "wide_biases": None if is_narrow else biases,
            "multiplier_step": int(len(multipliers) > 1),
            "bias_step": int(len(fixed.biases) > 1),
            "shift": fixed.shift,
            "fraction": fixed.fraction,
            "low": finish.low,
            "high": finish.high,
            "range": limits,
        }

    def _array(self, name: str, values: np.ndarray) -> str:
        """The name of an array of numbers; equal ones are written once."""
        key = values.dtype.name, values.tobytes()
        if key not in self._numbers:
            self._numbers[key] = c_text.identifier(name, self._used)
            self.texts.append(c_text.array(f"{values.dtype}_t", self._numbers[key], values))
            self.number_bytes += values.nbytes
            self.plan_bytes += -values.nbytes % WORD_BYTES
        return self._numbers[key]


_KINDS = {"max_pool": "pool", "sum_pool": "pool", "depthwise": "conv", "single": "conv", "transposed": "conv"}
"""Structures that kernels share."""

_NO_OUTPUT: Mapping[str, Fact] = {
    "multipliers": None,
    "biases": None,
    "wide_biases": None,
    "multiplier_step": 0,
    "bias_step": 0,
    "shift": 0,
    "fraction": 0,
    "low": 0,
    "high": 0,
    "range": None,
}
"""Of a maximum, which stays on its levels."""


def _running(network: IntegerNetwork, numbers: tuple[int, ...]) -> list[int]:
    """Where each input or output begins in the caller's memory."""
    sizes = [network.tensors[number].elements for number in numbers]
    return [sum(sizes[:place]) for place in range(len(sizes))]


def _described(step: Step) -> str:
    if isinstance(step, ConvStep):
        outputs, members, height, width = step.coded.filters.shape
        of_groups = f", {step.groups} groups" if step.groups > 1 else ""
        return (
            f"{step.name}: {members * step.groups} to {outputs} channels, {height} by {width}{of_groups}, {step.form}"
        )
    return f"{step.name}: {step.kernel}"


def _window_facts(window: Window, channels: str, count: int) -> Iterator[tuple[str, Fact]]:
    yield from zip(("input_height", "input_width"), window.input_size, strict=True)
    yield channels, count
    yield from zip(("output_height", "output_width"), window.output_size, strict=True)
    yield from zip(("kernel_height", "kernel_width"), window.kernel, strict=True)
    yield from zip(("stride_y", "stride_x"), window.stride, strict=True)
    yield from zip(("dilation_y", "dilation_x"), window.dilation, strict=True)
    yield from zip(("pad_top", "pad_left"), window.pad, strict=True)


def _part_facts(step: RescaleStep) -> Iterator[tuple[str, Fact]]:
    part, axes = step.part, ("y", "x", "channel")
    yield from (("input_width", part.full[1]), ("input_channels", part.full[2]))
    yield from ((f"start_{axis}", value) for axis, value in zip(axes, part.start, strict=True))
    yield from ((f"step_{axis}", value) for axis, value in zip(axes, part.step, strict=True))
    yield from zip(("rows", "columns", "channels"), part.size, strict=True)
    yield from ((f"before_{axis}", value) for axis, value in zip(axes, part.before, strict=True))
    yield from zip(("output_height", "output_width", "output_channels"), part.out, strict=True)
    yield from (("output_row_length", step.row_length), ("output_start", step.first), ("input_zero", step.zero))


def _wrapped(text: str) -> str:
    """An initializer in lines of up to 120 characters."""
    lines, line = [], ""
    for part in text[1:-1].split(", "):
        if line and len(line) + len(part) > 110:
            lines.append(line)
            line = ""
        line += f"{part}, "
    return "{\n    " + "\n    ".join([*lines, line]).rstrip(", ") + "\n}"
