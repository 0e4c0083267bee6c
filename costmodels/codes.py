"""The integer codes of b bits that stand for quantized values, and their ranks, which are what is stored.

- 1 bit: -1 and 1 (Rastegari et al., XNOR-Net, ECCV 2016);
- 2 bits: the odd levels -3, -1, 1 and 3 (the weight quantizer of Zhou et al., DoReFa-Net, arXiv 1606.06160). On
  Gaussian values they leave an error of 0.119; two's complement's -2, -1, 0 and 1 leave 0.150;
- 3 to 16 bits: all of two's complement, -2^(b-1) to 2^(b-1) - 1, zero among them.

A code is stored as its rank among the levels, 0 to 2^b - 1, in b bits.
"""

from typing import Any

import numpy as np

from costmodels.numbers import Count

__all__ = ["are_codes", "code_dtype", "code_levels", "codes_of_ranks", "has_zero", "ranks_of_codes"]


def has_zero(bits: Count) -> Any:
    """Whether zero is a level of ``bits`` bits: one width, or an array of them."""
    return bits > 2


def code_levels(bits: int) -> np.ndarray:
    """The 2^b levels of ``bits`` bits (1 to 16), ascending.

    >>> code_levels(2), code_levels(3)
    (array([-3, -1,  1,  3]), array([-4, -3, -2, -1,  0,  1,  2,  3]))
    """
    half = 1 << (bits - 1)
    levels = np.arange(-half, half)
    return levels if has_zero(bits) else 2 * levels + 1


def code_dtype(bits: int) -> np.dtype:
    """The smallest integer type that holds the levels; float32 for unquantized values, of 32 bits."""
    if bits == 32:
        return np.dtype(np.float32)
    return np.dtype(np.int8 if bits <= 8 else np.int16)


def are_codes(values: np.ndarray, bits: int) -> bool:
    """Whether all integers ``values`` are levels of ``bits`` bits (1 to 16)."""
    if values.size == 0:
        return True
    lowest, highest = (int(level) for level in code_levels(bits)[[0, -1]])
    within = lowest <= int(values.min()) and int(values.max()) <= highest
    return within and (has_zero(bits) or bool((values & 1).all()))


def ranks_of_codes(codes: np.ndarray, bits: int) -> np.ndarray:
    """The rank of each code (of `are_codes`) among the levels, in int32.

    >>> ranks_of_codes(np.array([-3, -1, 1, 3]), 2)
    array([0, 1, 2, 3], dtype=int32)
    """
    ranks = codes.astype(np.int32)
    if not has_zero(bits):
        ranks >>= 1
    ranks += 1 << (bits - 1)
    return ranks


def codes_of_ranks(ranks: np.ndarray, bits: int) -> np.ndarray:
    """The inverse of `ranks_of_codes`, in the type of `code_dtype`; ``ranks`` are 0 to 2^bits - 1.

    >>> codes_of_ranks(np.array([0, 1]), 1)
    array([-1,  1], dtype=int8)
    """
    codes = ranks.astype(np.int32)
    codes -= 1 << (bits - 1)
    if not has_zero(bits):
        codes *= 2
        codes += 1
    return codes.astype(code_dtype(bits))
