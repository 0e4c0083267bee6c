"""The kernels of vector-quantized weights."""

from collections.abc import Mapping

from costmodels.kernels.form_kernels import Expand, FormKernels
from costmodels.kernels.vector_quantized import compiled, loops
from costmodels.schemes import VectorQuantized
from costmodels.schemes.base import DIRECT, SHARED_MAPS

__all__ = ["KERNELS"]


def _expansions() -> Mapping[str, Expand]:
    from costmodels.kernels.vector_quantized import expansion

    return {DIRECT: expansion.direct, SHARED_MAPS: expansion.shared_maps}


KERNELS = FormKernels(
    VectorQuantized,
    {DIRECT: loops.direct, SHARED_MAPS: loops.shared_maps},
    {DIRECT: compiled.direct, SHARED_MAPS: compiled.shared_maps},
    _expansions,
)
