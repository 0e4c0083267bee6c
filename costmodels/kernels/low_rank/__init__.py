"""The kernels of layers of low rank."""

from collections.abc import Mapping

from costmodels.kernels.form_kernels import Expand, FormKernels
from costmodels.kernels.low_rank import compiled, loops
from costmodels.schemes import LowRank
from costmodels.schemes.base import DIRECT, SHARED_MAPS

__all__ = ["KERNELS"]


def _expansions() -> Mapping[str, Expand]:
    from costmodels.kernels.low_rank import expansion

    return {DIRECT: expansion.direct, SHARED_MAPS: expansion.shared_maps}


KERNELS = FormKernels(
    LowRank,
    {DIRECT: loops.direct, SHARED_MAPS: loops.shared_maps},
    {DIRECT: compiled.direct, SHARED_MAPS: compiled.shared_maps},
    _expansions,
)
