"""Sparse linear combinations of a quantized basis (paper 3), and the learned filter basis as its dense 32-bit case."""

from costmodels.schemes.sparse_basis.scheme import SparseBasis

__all__ = ["SparseBasis", "learned_filter_basis"]


def learned_filter_basis(segment_channels: int, filters: int) -> SparseBasis:
    """LFB (ICCV 2019): the case of a 32-bit basis with dense 32-bit coefficients."""
    return SparseBasis(segment_channels, filters, basis_bits=32, density=1.0, coefficient_bits=32, coefficients="dense")
