"""The kernels of a linear representation: a*T + b with shared templates, in three orders of the same sums, all in
float32."""

from collections.abc import Mapping

from costmodels.kernels.form_kernels import Expand, FormKernels
from costmodels.kernels.linear_representation import loops
from costmodels.kernels.linear_representation.add_then_convolve import AddThenConvolve
from costmodels.kernels.linear_representation.convolve_then_add import ConvolveThenAdd
from costmodels.kernels.linear_representation.direct import Direct
from costmodels.schemes import LinearRepresentation
from costmodels.schemes.base import DIRECT
from costmodels.schemes.linear_representation import ADD_THEN_CONVOLVE, CONVOLVE_THEN_ADD

__all__ = ["KERNELS"]


def _expansions() -> Mapping[str, Expand]:
    from costmodels.kernels.linear_representation import expansion

    return {
        DIRECT: expansion.direct,
        CONVOLVE_THEN_ADD: expansion.convolve_then_add,
        ADD_THEN_CONVOLVE: expansion.add_then_convolve,
    }


KERNELS = FormKernels(
    LinearRepresentation,
    {
        DIRECT: loops.direct,
        CONVOLVE_THEN_ADD: loops.convolve_then_add,
        ADD_THEN_CONVOLVE: loops.add_then_convolve,
    },
    {DIRECT: Direct, CONVOLVE_THEN_ADD: ConvolveThenAdd, ADD_THEN_CONVOLVE: AddThenConvolve},
    _expansions,
)
