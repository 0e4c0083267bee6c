"""Every execution as plain torch operations: convolutions, matrix products and elementwise steps, phase by phase.

Written from the definitions of the schemes and not from their formulas, so that other counters can count them. The
arrays are those of a packed layer. What no counter counts (padding, im2col, gathering, concatenating) is no arithmetic;
the requantization of the output is free by convention and left out of the phases.
"""

from collections.abc import Mapping

from costmodels.kernels.form_kernels import Expand, FormKernels, check_methods
from costmodels.kernels.forms import KERNELS
from costmodels.kernels.phases import Expansion, Layer, Phase

__all__ = ["EXPANSIONS", "Expansion", "Layer", "Phase", "expansions_of"]


def expansions_of(record: FormKernels) -> Mapping[str, Expand]:
    """The expansions of a form by its methods.

    Raises:
        KernelError: one is missing, or is none of the form's.
    """
    expansions = record.expansions()
    check_methods(record.scheme, "expansions into torch", expansions)
    return expansions


EXPANSIONS: Mapping[str, Mapping[str, Expand]] = {name: expansions_of(record) for name, record in KERNELS.items()}
"""By the name of the form: its methods, as `costmodels.schemes.base.Scheme.methods` names them."""
