"""Code that a program links to and stack that it takes, from a table of each kernel (`benchmarks/code_bytes.py`)."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["CodeBytes", "kernel_sources", "predicted_code", "table_compiler"]

_SOURCE = re.compile(r"filterfront_(\w+)\.c")
CALL_BYTES, FRAME_BYTES = 19, 30
"""Of model.c: of the call of a step, about, and around all of them; two to four arguments and what names them."""

STACK_BYTES, SOFTWARE_BYTES = 72, 60
"""Of stack: of `model_run` and what calls it; of floats in software, on cores without a unit for them."""

WIDE = "wide"
"""What the names of kernels for wide vectors begin with: microcontrollers link none of them."""

SOFTWARE_LIBRARIES = 1024
"""Bytes of libraries beyond which floats are among them."""

STEP_KERNELS = frozenset(
    ["add", "conv", "depthwise", "flatten", "kernels", "max_pool", "rescale", "single", "sum_pool", "transposed"]
)
"""Sources that are called by a step; others are called by these."""


@dataclass(frozen=True)
class CodeBytes:
    """Bytes of code in flash, and of stack.

    Args:
        kernels: and the calls of the steps.
        libraries: of the compiler.
        stack: of the deepest chain of calls that the sources have; a network may not come to it.
    """

    kernels: int
    libraries: int
    stack: int


def predicted_code(target: str, sources: Iterable[str], steps: int) -> CodeBytes | None:
    """The code of a program, as the compiler that the table names links it.

    Args:
        target: name of a processor.
        sources: of the program's kernels, without ``filterfront_``.
        steps: calls of the program.

    Returns:
        None where the table does not know the processor or a kernel.
    """
    known = _table()["targets"].get(target, {})
    wanted = {*sources, "kernels"}
    if not wanted <= set(known):
        return None
    libraries: dict[str, int] = {}
    for source in wanted:
        libraries |= known[source]["libraries"]
    code = sum(known[source]["code"] for source in wanted)
    size = sum(libraries.values())
    stack = STACK_BYTES + (SOFTWARE_BYTES if size > SOFTWARE_LIBRARIES else 0) + _deepest(known, wanted)
    return CodeBytes(code + FRAME_BYTES + CALL_BYTES * steps, size, stack)


def _deepest(known: Mapping[str, Any], wanted: Iterable[str]) -> int:
    """Stack of the deepest chain: a kernel's own, or up to where it calls another source, and that one's."""
    steps = [source for source in wanted if source in STEP_KERNELS]
    called = max((known[source]["stack"] for source in wanted if source not in STEP_KERNELS), default=0)
    chains = [known[source]["stack_at_pointers"] + called for source in steps if known[source]["stack_at_pointers"]]
    return int(max([known[source]["stack"] for source in steps] + chains))


def kernel_sources(files: Iterable[str]) -> list[str]:
    """The kernels of `model_run` among the names of files, without ``filterfront_``."""
    found = [found[1] for name in sorted(files) if (found := _SOURCE.fullmatch(name))]
    return [name for name in found if name.partition("_")[0] != WIDE]


def table_compiler() -> str:
    """The version of arm-none-eabi-gcc that the table was made with."""
    return str(_table()["compiler"])


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = json.loads(
        (resources.files("explorer.deployment.device_code") / "code_bytes.json").read_text()
    )
    return table
