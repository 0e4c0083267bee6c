"""The kernels of every compressed form: a folder each, and the registry by the name of the form."""

from costmodels.errors import KernelError
from costmodels.kernels import (
    dense,
    entropy_coded,
    linear_representation,
    low_rank,
    nm_sparse,
    palettized,
    pruned,
    sparse_basis,
    stacked,
    ternary,
    vector_quantized,
)
from costmodels.kernels.form_kernels import FormKernels, kernel_registry
from costmodels.schemes import SCHEMES, Scheme

__all__ = ["KERNELS", "kernels_of"]

KERNELS = kernel_registry(
    (
        dense.KERNELS,
        pruned.KERNELS,
        *stacked.KERNELS,
        linear_representation.KERNELS,
        sparse_basis.KERNELS,
        ternary.KERNELS,
        palettized.KERNELS,
        vector_quantized.KERNELS,
        entropy_coded.KERNELS,
        nm_sparse.KERNELS,
        low_rank.KERNELS,
    ),
    SCHEMES,
)
"""Everything that runs layers reads it."""


def kernels_of(scheme: Scheme | type[Scheme]) -> FormKernels:
    """The kernels of a scheme's form.

    Raises:
        KernelError: it has none.
    """
    kind = scheme if isinstance(scheme, type) else type(scheme)
    record = KERNELS.get(kind.name)
    if record is None or record.scheme is not kind:
        raise KernelError("a scheme has kernels", kind.name, f"choose of {', '.join(KERNELS)}")
    return record
