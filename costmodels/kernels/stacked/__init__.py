"""The kernels of stacked filters, which stacked binary filters and LegoNet share."""

from collections.abc import Mapping

from costmodels.kernels.form_kernels import Expand, FormKernels
from costmodels.kernels.stacked import compiled, loops
from costmodels.schemes import LegoNet, StackedBinary
from costmodels.schemes.base import DIRECT, SHARED_MAPS

__all__ = ["KERNELS"]

LOOPS = {DIRECT: loops.direct, SHARED_MAPS: loops.shared_maps}
COMPILED = {DIRECT: compiled.direct, SHARED_MAPS: compiled.shared_maps}


def _expansions() -> Mapping[str, Expand]:
    from costmodels.kernels.stacked import expansion

    return {DIRECT: expansion.direct, SHARED_MAPS: expansion.shared_maps}


KERNELS = tuple(FormKernels(kind, LOOPS, COMPILED, _expansions) for kind in (StackedBinary, LegoNet))
