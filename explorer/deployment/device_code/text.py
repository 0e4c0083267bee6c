"""What is printed about exported C: its memory, and how it compares with the packed network."""

from collections.abc import Iterator

from costmodels import Device, NetworkCost
from explorer.deployment.device_code.code_bytes import kernel_sources, predicted_code, table_compiler
from explorer.deployment.device_code.device_fit import device_fit
from explorer.deployment.device_code.folder import CFolder
from explorer.deployment.device_code.host_check import HostCheck
from explorer.deployment.packed.comparison import Comparison

__all__ = ["code_lines", "export_lines"]


def export_lines(
    folder: CFolder, rounding: Comparison, host: HostCheck, cost: NetworkCost, device: Device | None = None
) -> Iterator[str]:
    """The lines of an export.

    Args:
        folder: that was written.
        rounding: the integer network compared with the packed file.
        host: what compiling and running it gave.
        cost: of the design.
        device: of the search; None without one.
    """
    yield "C program, in integers from the input's levels to the output:"
    yield from _memory_lines(folder, cost)
    yield from code_lines(folder)
    fit = device_fit(folder, device) if device else None
    if fit is not None:
        verdict, left = fit.lines()
        yield f"  {verdict}"
        yield f"    {left} [counted]"
    yield (
        f"  integers against the packed file: outputs {rounding.deviation:.1e} apart at most, the largest being "
        f"{rounding.largest_output:.3g}; {rounding.answers_apart} of {rounding.images:,} answers differ [measured]"
    )
    if rounding.accuracy is not None and rounding.correct_other is not None:
        other = f"{rounding.correct_other / rounding.images:.2%} of {rounding.images:,} images"
        yield f"  accuracy in C {rounding.accuracy:.2%}; from the packed file {other} [measured]"
    compiled = f"compiled by {host.compiler} and run: {host.said} [measured]"
    yield f"  {compiled}" if host.compiler else f"  not compiled: {host.said}"


def _memory_lines(folder: CFolder, cost: NetworkCost) -> Iterator[str]:
    """Constants and arena next to what the formulas say."""
    program, plan, peak = folder.program, folder.program.plan, cost.sram
    data = program.packed_bytes + program.number_bytes
    yield (
        f"  constants {data:,} bytes: {program.packed_bytes:,} as packed, {program.number_bytes:,} of multipliers and "
        f"biases; flash by formula {cost.flash_bytes:,} [counted]"
    )
    least = "no plan is smaller" if plan.is_least else f"{plan.live_bytes:,} are live at once"
    step = folder.facts["steps"][plan.live_step]
    scratch = step["scratch_bytes"]
    yield (
        f"  arena {plan.bytes:,} bytes ({least}): {plan.live_bytes - scratch:,} of activations and {scratch:,} of "
        f"scratch at {step['name']};"
    )
    yield (
        f"    sram by formula {peak.bytes:,}: {peak.activation_bytes:,} of activations and {peak.scratch_bytes:,} of "
        f"scratch at {peak.operation} [counted]"
    )


def code_lines(folder: CFolder) -> Iterator[str]:
    """The flash that a program links to on the processor that it is written for, where the table knows its kernels."""
    target, program = folder.facts["target"], folder.program
    code = predicted_code(target, kernel_sources(folder.files), len(folder.facts["steps"]))
    if code is None:
        return
    constants = program.packed_bytes + program.number_bytes + program.plan_bytes
    flash = constants + code.kernels + code.libraries
    yield (
        f"  flash on {target} {flash:,} bytes: {constants:,} of constants and plan, "
        f"{code.kernels:,} of kernels, {code.libraries:,} of the compiler's libraries;"
    )
    yield f"    stack of up to {code.stack:,} bytes [counted with arm-none-eabi-gcc {table_compiler()}]"
