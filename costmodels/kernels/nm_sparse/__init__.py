"""The kernels of N:M sparse weights."""

from collections.abc import Mapping

from costmodels.kernels.form_kernels import Expand, FormKernels
from costmodels.kernels.nm_sparse import compiled, loops
from costmodels.schemes import NMSparse
from costmodels.schemes.base import DIRECT

__all__ = ["KERNELS"]


def _expansions() -> Mapping[str, Expand]:
    from costmodels.kernels.nm_sparse import expansion

    return {DIRECT: expansion.direct}


KERNELS = FormKernels(NMSparse, {DIRECT: loops.direct}, {DIRECT: compiled.direct}, _expansions)
