"""Linear representation of kernels (paper 2): every d x d kernel is a*K_t + b, with K_t of a codebook of templates."""

from costmodels.schemes.linear_representation.operations import ADD_THEN_CONVOLVE, CONVOLVE_THEN_ADD
from costmodels.schemes.linear_representation.scheme import LinearRepresentation

__all__ = ["ADD_THEN_CONVOLVE", "CONVOLVE_THEN_ADD", "LinearRepresentation"]
