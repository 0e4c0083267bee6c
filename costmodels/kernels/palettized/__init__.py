"""The kernels of palettized weights."""

from collections.abc import Mapping

from costmodels.kernels.form_kernels import Expand, FormKernels
from costmodels.kernels.palettized import compiled, loops
from costmodels.schemes import Palettized
from costmodels.schemes.base import DIRECT

__all__ = ["KERNELS"]


def _expansions() -> Mapping[str, Expand]:
    from costmodels.kernels.palettized import expansion

    return {DIRECT: expansion.direct}


KERNELS = FormKernels(Palettized, {DIRECT: loops.direct}, {DIRECT: compiled.direct}, _expansions)
