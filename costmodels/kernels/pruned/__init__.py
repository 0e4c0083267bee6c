"""The kernels of pruned weights."""

from collections.abc import Mapping

from costmodels.kernels.form_kernels import Expand, FormKernels
from costmodels.kernels.pruned import compiled, loops
from costmodels.schemes import Pruned
from costmodels.schemes.base import DIRECT

__all__ = ["KERNELS"]


def _expansions() -> Mapping[str, Expand]:
    from costmodels.kernels.pruned import expansion

    return {DIRECT: expansion.direct}


KERNELS = FormKernels(Pruned, {DIRECT: loops.direct}, {DIRECT: compiled.direct}, _expansions)
