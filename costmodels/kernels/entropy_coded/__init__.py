"""The kernels of entropy-coded weights."""

from collections.abc import Mapping

from costmodels.kernels.entropy_coded import compiled, loops
from costmodels.kernels.form_kernels import Expand, FormKernels
from costmodels.schemes import EntropyCoded
from costmodels.schemes.base import DIRECT

__all__ = ["KERNELS"]


def _expansions() -> Mapping[str, Expand]:
    from costmodels.kernels.entropy_coded import expansion

    return {DIRECT: expansion.direct}


KERNELS = FormKernels(EntropyCoded, {DIRECT: loops.direct}, {DIRECT: compiled.direct}, _expansions)
