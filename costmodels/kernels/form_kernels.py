"""How the layers of a compressed form run: one record for each form, and the check that none leaves anything out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costmodels.errors import KernelError
from costmodels.kernels.engine.kernel import Kernel
from costmodels.kernels.loops.layer_run import LayerRun
from costmodels.kernels.packing import PackedLayer
from costmodels.schemes import Scheme

if TYPE_CHECKING:  # torch is loaded where expansions are counted
    from costmodels.kernels.phases import Expansion, Layer

__all__ = ["Compile", "Expand", "FormKernels", "Loop", "check_methods", "kernel_registry"]

Loop = Callable[[LayerRun], None]
"""Runs a layer in plain loops that count every operation."""

Compile = Callable[[PackedLayer, int], Kernel]
"""Lays out a packed layer for a compiled kernel, for inputs of so many bits."""

Expand = Callable[["Layer"], "Expansion"]
"""Writes a layer out in torch operations."""


@dataclass(frozen=True, eq=False)
class FormKernels:
    """The three ways in which the layers of a form run, each by the form's ``method_names``.

    Args:
        scheme: the form.
        loops: in plain loops, which define its operations and its result.
        compiled: by compiled kernels, which are timed and deployed.
        expansions: gives the torch operations that other counters count; torch is imported when it is called.
    """

    scheme: type[Scheme]
    loops: Mapping[str, Loop]
    compiled: Mapping[str, Compile]
    expansions: Callable[[], Mapping[str, Expand]]


def kernel_registry(records: Iterable[FormKernels], schemes: Mapping[str, type[Scheme]]) -> Mapping[str, FormKernels]:
    """The records by the names of their forms, in the order of the forms.

    Args:
        records: of the forms.
        schemes: the forms by name, each of which has a record.

    Raises:
        KernelError: a form has no record or several, a record is of no form, or lacks a method.
    """
    found: dict[str, FormKernels] = {}
    for record in records:
        name = record.scheme.name
        if schemes.get(name) is not record.scheme:
            raise KernelError("kernels are of a compressed form", name, "list it in costmodels/schemes/__init__.py")
        if name in found:
            raise KernelError("a compressed form has one record of kernels", f"two of {name}", "remove one")
        check_methods(record.scheme, "counted loops", record.loops)
        check_methods(record.scheme, "compiled kernels", record.compiled)
        found[name] = record
    missing = ", ".join(name for name in schemes if name not in found)
    if missing:
        raise KernelError("every compressed form has kernels", f"none of {missing}", "add them to costmodels/kernels")
    return {name: found[name] for name in schemes}


def check_methods(scheme: type[Scheme], what: str, found: Iterable[str]) -> None:
    """Refuses kernels of other methods than the form has.

    Args:
        scheme: the form.
        what: the kernels, in words.
        found: names of their methods.

    Raises:
        KernelError: one is missing, or is none of the form's.
    """
    if set(found) != set(scheme.method_names):
        names, wanted = ", ".join(found) or "none", ", ".join(scheme.method_names)
        remedy = f"mend them in costmodels/kernels, or the method_names of {scheme.__name__}"
        raise KernelError(f"{scheme.name} has {what} of {wanted}", names, remedy)
