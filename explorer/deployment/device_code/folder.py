"""The folder of an exported network: every file of it, as text; the caller writes them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from explorer.deployment.device_code import c_text
from explorer.deployment.device_code.host.prepared import Prepared
from explorer.deployment.device_code.integer_network import IntegerNetwork, LevelTensor, zero_level
from explorer.deployment.device_code.program import Program, write_program
from explorer.deployment.device_code.targets import HOST, Target
from explorer.deployment.device_code.templates import HEADER, MAKEFILE, README, TEST

__all__ = ["ALIGNMENT", "MOST_VECTORS", "CFolder", "c_folder", "kernel_files", "program_files"]

ALIGNMENT = 4
"""Of the arena."""

MOST_VECTORS, MOST_VECTOR_BYTES = 64, 256 * 1024
"""Test vectors, and the bytes of all of them; there is one at least."""

_INCLUDE = re.compile(r'#include "(filterfront_\w+\.h)"')


@dataclass(frozen=True, eq=False)
class CFolder:
    """The files of a network.

    Args:
        files: content by name.
        program: what was written.
        vectors: how many test vectors there are.
        facts: what model.json says.
    """

    files: dict[str, bytes]
    program: Program
    vectors: int
    facts: dict[str, Any]


def c_folder(network: IntegerNetwork, design: str, inputs: list[np.ndarray], target: Target = HOST) -> CFolder:
    """All files of a network.

    Args:
        network: in integers.
        design: its id, or "".
        inputs: levels of each input, (images, H, W, c) int8: as many as there can be become test vectors.
        target: what the Makefile compiles for.
    """
    program = write_program(network, is_wide=target is HOST)
    kernels = dict(kernel_files(program.kernels))
    vectors, tests = _vectors(network, inputs)
    fields = _fields(network, program, design)
    sources = sorted(name for name in kernels if name.endswith(".c"))
    facts = _facts(network, program, design, target, vectors)
    texts = {
        **_program_texts(program, kernels, fields),
        "test_vectors.h": tests,
        "test_model.c": TEST,
        "Makefile": MAKEFILE.substitute(
            COMPILER=target.compiler, FLAGS=" ".join(target.flags), SOURCES=" ".join(["model.c", *sources])
        ),
        "README.md": README.substitute(fields, FILES="\n".join(f"- `{name}`" for name in sorted(kernels))),
        "model.json": json.dumps(facts, indent=1) + "\n",
    }
    return CFolder({name: text.encode() for name, text in texts.items()}, program, vectors, facts)


def program_files(network: IntegerNetwork) -> tuple[dict[str, bytes], Prepared]:
    """The sources of a network's program with its part for wide vectors, and that part.

    Args:
        network: in integers.
    """
    program = write_program(network, is_wide=True)
    assert program.prepared is not None  # noqa: S101
    texts = _program_texts(program, dict(kernel_files(program.kernels)), _fields(network, program, ""))
    return {name: text.encode() for name, text in texts.items()}, program.prepared


def _program_texts(program: Program, kernels: dict[str, str], fields: dict[str, Any]) -> dict[str, str]:
    """What is compiled, by name."""
    includes = '#include "model.h"\n\n' + "".join(f'#include "{name}"\n' for name in _headers(program))
    return {
        "model.h": HEADER.substitute(fields),
        "model.c": f"/* {fields['TITLE']}: weights, plan and calls. */\n{includes}{program.source}",
        **kernels,
    }


def kernel_files(kernels: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """(name, text) of the sources that are called, every header that they include, and the source of a header that has
    one.

    Args:
        kernels: that are called, by their names without ``filterfront_``.
    """
    home = resources.files("explorer.deployment.device_code") / "kernels"
    waiting, known = [f"filterfront_{kernel}.c" for kernel in kernels], set()
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        text = (home / name).read_text()
        headers = _INCLUDE.findall(text)
        sources = [f"{header.removesuffix('.h')}.c" for header in headers]
        waiting += [*headers, *(source for source in sources if (home / source).is_file())]
        yield name, text


def _headers(program: Program) -> list[str]:
    return sorted({"filterfront_kernels.h", *(f"filterfront_{header}.h" for header in program.headers)})


def _fields(network: IntegerNetwork, program: Program, design: str) -> dict[str, Any]:
    """What the templates name."""
    tensors = [network.tensors[number] for number in network.inputs]
    title = c_text.comment(network.name + (f", design {design}" if design else ""))
    outputs = [network.tensors[number] for number in network.outputs]
    return {
        "TITLE": title,
        "NAME": c_text.string_literal(network.name),
        "DESIGN": c_text.string_literal(design),
        "INPUT_BYTES": sum(tensor.elements for tensor in tensors),
        "INPUT_LIST": "\n".join(map(_said_input, tensors)),
        "INPUT_SCALE": c_text.float_literal(tensors[0].levels.scale),  # type: ignore[union-attr]
        "INPUT_ZERO": zero_level(tensors[0].levels),  # type: ignore[arg-type]
        "INPUT_BITS": tensors[0].levels.bits,  # type: ignore[union-attr]
        "OUTPUT_VALUES": sum(tensor.elements for tensor in outputs),
        "OUTPUT_LIST": "\n".join(f" *   {' x '.join(map(str, tensor.size))}" for tensor in outputs),
        "ARENA_BYTES": program.plan.bytes,
        "ALIGNMENT": ALIGNMENT,
        "STEPS": len(network.steps),
        "PACKED_BYTES": program.packed_bytes,
        "NUMBER_BYTES": program.number_bytes,
        "PLAN_BYTES": program.plan_bytes,
        "PREPARED": program.prepared.header if program.prepared else "",
        "FAST": program.prepared.readme if program.prepared else "",
    }


def _said_input(tensor: LevelTensor) -> str:
    """An input in words."""
    levels = tensor.levels
    assert levels is not None  # noqa: S101
    height, width, channels = tensor.size
    scale = c_text.float_literal(levels.scale)
    return f" *   {height} x {width} x {channels} values of scale {scale}, zero point {zero_level(levels)}"


def _facts(network: IntegerNetwork, program: Program, design: str, target: Target, vectors: int) -> dict[str, Any]:
    """model.json."""
    plan = program.plan
    return {
        "format": 1,
        "network": network.name,
        "design": design,
        "target": target.name,
        "vectors": vectors,
        "arena_bytes": plan.bytes,
        "live_bytes": plan.live_bytes,
        "arena_is_least": plan.is_least,
        "packed_bytes": program.packed_bytes,
        "number_bytes": program.number_bytes,
        "plan_bytes": program.plan_bytes,
        "input_bytes": sum(network.tensors[number].elements for number in network.inputs),
        "output_bytes": 4 * sum(network.tensors[number].elements for number in network.outputs),
        "steps": [
            {"name": step.name, "kernel": step.kernel, "macs": step.macs, "scratch_bytes": step.work_bytes}
            for step in network.steps
        ],
        **(program.prepared.facts if program.prepared else {}),
    }


def _vectors(network: IntegerNetwork, inputs: list[np.ndarray]) -> tuple[int, str]:
    """How many test vectors there are, and their header: levels, and the bits of the floats that they give."""
    size = sum(array[0].size for array in inputs) + 4 * sum(network.tensors[one].elements for one in network.outputs)
    count = max(1, min(MOST_VECTORS, len(inputs[0]), MOST_VECTOR_BYTES // size))
    chosen = [array[:count] for array in inputs]
    outputs = network.run(*chosen).astype(np.float32).view(np.uint32)
    levels = np.concatenate([array.reshape(count, -1) for array in chosen], axis=1)
    return count, (
        "/* Levels of inputs, and the outputs that the program has to give, as the bits of floats. */\n"
        f"#define TEST_VECTORS {count}\n\n"
        f"static const int8_t test_inputs[TEST_VECTORS][MODEL_INPUT_BYTES] TEST_SECTION = {_rows(levels)};\n\n"
        f"static const uint32_t test_outputs[TEST_VECTORS][MODEL_OUTPUT_VALUES] TEST_SECTION = {_rows(outputs, 'U')};\n"
    )


def _rows(values: np.ndarray, suffix: str = "") -> str:
    rows = ",\n".join("    {" + ", ".join(f"{value}{suffix}" for value in row.tolist()) + "}" for row in values)
    return f"{{\n{rows}\n}}"
