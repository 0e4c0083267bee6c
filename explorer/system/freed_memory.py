"""Freed memory is kept by the process: activations of megabytes come and go with every layer that is measured."""

import ctypes

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Of mallopt(3) in glibc: free bytes at the heap's end from which on they go back to the system, and how many large
blocks lie outside of it, each of which goes back as it is freed."""

MOST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Has the C library keep what is freed, for what is asked for next: a page that the system hands out again has to
    be cleared first, which takes half of the time of measuring a network of large activations.

    For processes that are filterfront's own: what they hold at most, they hold to their end.

    Returns:
        Whether the C library took it; only glibc does.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or no such thing
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, MOST))
