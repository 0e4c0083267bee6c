"""The part of an exported program for processors with wide vectors: filters decoded once, then run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from explorer.deployment.device_code import c_text
from explorer.deployment.device_code.arena import plan_arena
from explorer.deployment.device_code.host.wide_step import ALIGNMENT, WideStep, wide_step
from explorer.deployment.device_code.integer_network import IntegerNetwork
from explorer.deployment.device_code.steps import ConvStep

__all__ = ["Prepared", "write_prepared"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is written.

    Args:
        source: the end of model.c.
        kernels: C sources that it calls, by their names without ``filterfront_``.
        prepared_bytes: of decoded filters.
        arena_bytes: of working memory.
    """

    source: str
    kernels: tuple[str, ...]
    prepared_bytes: int
    arena_bytes: int

    @property
    def header(self) -> str:
        """The part of model.h."""
        return _HEADER.replace("@BYTES@", str(self.prepared_bytes)).replace("@ARENA@", str(self.arena_bytes))

    @property
    def readme(self) -> str:
        """The part of README.md."""
        return _README.format(bytes=self.prepared_bytes, arena=self.arena_bytes)

    @property
    def facts(self) -> dict[str, int]:
        """The part of model.json."""
        return {"prepared_bytes": self.prepared_bytes, "prepared_arena_bytes": self.arena_bytes}


_HEADER = f"""
/*
 * For a processor with wide vectors (x86-64 with AVX2 or AVX-512, asked at run time; plain C elsewhere). Filters are
 * decoded once, by model_prepare into MODEL_PREPARED_BYTES aligned to MODEL_PREPARED_ALIGNMENT, and read by every
 * inference of model_run_prepared. Its arena has MODEL_PREPARED_ARENA_BYTES. The answers are those of model_run.
 */
#define MODEL_PREPARED_BYTES @BYTES@
#define MODEL_PREPARED_ALIGNMENT {ALIGNMENT}
#define MODEL_PREPARED_ARENA_BYTES @ARENA@
int model_prepare(void *prepared, void *arena);
int model_run_prepared(const int8_t *input, float *output, void *arena, const void *prepared);
"""

_README = """
`model_prepare` decodes the weights once, into {bytes} bytes; `model_run_prepared` then runs with the processor's
vectors (AVX2 or AVX-512, asked at run time), on an arena of {arena} bytes, to the same answers:

```c
static uint32_t arena[(MODEL_PREPARED_ARENA_BYTES + 3) / 4];
void *prepared = aligned_alloc(MODEL_PREPARED_ALIGNMENT, MODEL_PREPARED_BYTES); /* or any memory that is aligned */

model_prepare(prepared, arena); /* once */
model_run_prepared(input, output, arena, prepared);
```
"""

_SOURCE = """
int model_prepare(void *prepared, void *arena)
{
    uint8_t *const kept = (uint8_t *)prepared;
    int8_t *const memory = (int8_t *)arena;

    if (prepared == NULL || arena == NULL) {
        return MODEL_ERROR_NULL;
    }
    if ((uintptr_t)arena % MODEL_ARENA_ALIGNMENT != 0 || (uintptr_t)prepared % MODEL_PREPARED_ALIGNMENT != 0) {
        return MODEL_ERROR_ALIGNMENT;
    }
@PREPARATIONS@    (void)kept;
    (void)memory;
    return 0;
}

int model_run_prepared(const int8_t *input, float *output, void *arena, const void *prepared)
{
    const uint8_t *const kept = (const uint8_t *)prepared;
    int8_t *const memory = (int8_t *)arena;

    if (input == NULL || output == NULL || arena == NULL || prepared == NULL) {
        return MODEL_ERROR_NULL;
    }
    if ((uintptr_t)arena % MODEL_ARENA_ALIGNMENT != 0 || (uintptr_t)prepared % MODEL_PREPARED_ALIGNMENT != 0) {
        return MODEL_ERROR_ALIGNMENT;
    }
@CALLS@    (void)kept;
    (void)memory;
    return 0;
}
"""


def write_prepared(
    network: IntegerNetwork, names: Sequence[str], outside: Mapping[int, str], used: set[str]
) -> Prepared:
    """The part of a program.

    Args:
        network: that is written.
        names: of the structures of its steps, in order.
        outside: by tensor, where the caller's inputs and outputs lie.
        used: C names so far; new ones are added.
    """
    steps = [wide_step(step) for step in network.steps]
    plan = plan_arena(network, steps)
    structures, preparations, calls, kept = [], [], [], 0
    for index, (step, name) in enumerate(zip(steps, names, strict=True)):
        tensors = [outside.get(number) or f"memory + {plan.tensors[number]}" for number in (*step.inputs, step.output)]
        arguments = [f"&{name}", *tensors]
        if step.facts is not None:
            own = c_text.identifier(f"{name}_wide", used)
            structures.append(_structure(step, name, own))
            scratch = f"memory + {plan.scratch[index]}"
            arguments = [f"&{own}", *tensors, scratch, f"kept + {kept}"]
            prepare = "wide_deep_prepare" if step.kernel == "wide_deep" else "wide_prepare"
            preparations.append(f"    filterfront_{prepare}(&{own}, kept + {kept}, {scratch});\n")
            kept += step.prepared_bytes
        elif isinstance(step.step, ConvStep):  # as it is on any processor, decoding as it goes
            arguments.append(f"memory + {plan.scratch[index]}")
        calls.append(f"    filterfront_{step.kernel}({', '.join(arguments)});\n    MODEL_STEP({index});\n")
    body = _SOURCE.replace("@PREPARATIONS@", "".join(preparations)).replace("@CALLS@", "".join(calls))
    kernels = ("wide", *dict.fromkeys(step.kernel for step in steps))
    return Prepared("".join(structures) + body, kernels, max(kept, ALIGNMENT), max(plan.bytes, 1))


def _structure(step: WideStep, name: str, own: str) -> str:
    facts = {"layer": f"&{name}", **(step.facts or {})}
    return f"static const filterfront_wide_t {own} = {c_text.initializer(facts, {})};\n"
