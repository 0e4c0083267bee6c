"""The kernels of ternary weights."""

from collections.abc import Mapping

from costmodels.kernels.form_kernels import Expand, FormKernels
from costmodels.kernels.ternary import compiled, loops
from costmodels.schemes import Ternary
from costmodels.schemes.base import DIRECT

__all__ = ["KERNELS"]


def _expansions() -> Mapping[str, Expand]:
    from costmodels.kernels.ternary import expansion

    return {DIRECT: expansion.direct}


KERNELS = FormKernels(Ternary, {DIRECT: loops.direct}, {DIRECT: compiled.direct}, _expansions)
