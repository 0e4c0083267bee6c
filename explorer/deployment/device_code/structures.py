"""What the C structures of a program take on a processor of 32 bits."""

from collections.abc import Mapping
from types import MappingProxyType

from explorer.deployment.device_code.forms.coded_filters import Fact

__all__ = ["MOST_NARROW", "STEP_BYTES", "WORD_BYTES", "structure_bytes"]

WORD_BYTES = 4

MOST_NARROW = 2**15 - 1
"""The most that a stride, a dilation, padding or groups of a convolution may be; dilation and padding of a pooling."""

_PADDED = {**dict.fromkeys(("dilation_y", "dilation_x", "pad_top", "pad_left"), 2), "input_zero": 1}

NARROW: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "output": {
            **dict.fromkeys(("multiplier_step", "bias_step", "shift", "fraction"), 1),
            **dict.fromkeys(("low", "high"), 2),
        },
        "codes": {"offset": 2, "width": 1, "down": 1},
        "conv": {**_PADDED, **dict.fromkeys(("groups", "stride_y", "stride_x"), 2), "input": 1},
        "pool": _PADDED,
        "add": {"second_multiplier": 2, "first_zero": 1, "second_zero": 1},
    }
)
"""Bytes of the fields that take less than a word, by structure; they lie side by side in ``filterfront_kernels.h``."""


def structure_bytes(kind: str, facts: Mapping[str, Fact]) -> int:
    """Bytes of a structure, in whole words; those within it too.

    Args:
        kind: of it, ``filterfront_<kind>_t``.
        facts: by field.
    """
    inner = {name: fact for name, fact in facts.items() if isinstance(fact, Mapping)}
    narrow = NARROW.get(kind, {})
    own = sum(narrow.get(name, WORD_BYTES) for name in facts if name not in inner)
    return -(-own // WORD_BYTES) * WORD_BYTES + sum(structure_bytes(name, fact) for name, fact in inner.items())


# An output has four pointers, four bytes and two halfwords; codes have three words, a halfword and two bytes.
_OUTPUT_BYTES, _CODES_BYTES = 24, 16

STEP_BYTES = {
    # Twelve words, among them three pointers, seven halfwords and two bytes; nine words, four halfwords and a byte.
    **dict.fromkeys(("conv", "depthwise", "single", "transposed"), 12 * WORD_BYTES + 16 + _CODES_BYTES + _OUTPUT_BYTES),
    **dict.fromkeys(("max_pool", "sum_pool"), 9 * WORD_BYTES + 12 + _OUTPUT_BYTES),
    "add": 2 * WORD_BYTES + _OUTPUT_BYTES,
    "flatten": 2 * WORD_BYTES,
    "rescale": 23 * WORD_BYTES + _OUTPUT_BYTES,
}
"""Of the structure of a step by its kernel, the form of a convolution apart."""
