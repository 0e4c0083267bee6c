"""The kernels of dense weights."""

from collections.abc import Mapping

from costmodels.kernels.dense import compiled, loops
from costmodels.kernels.form_kernels import Expand, FormKernels
from costmodels.schemes import Dense
from costmodels.schemes.base import DIRECT

__all__ = ["KERNELS"]


def _expansions() -> Mapping[str, Expand]:
    from costmodels.kernels.dense import expansion

    return {DIRECT: expansion.direct}


KERNELS = FormKernels(Dense, {DIRECT: loops.direct}, {DIRECT: compiled.direct}, _expansions)
