"""The operations of a linear representation: filters reconstructed, and two exact ways to share work between kernels.

Derived. Legend: as in `costmodels.schemes.base`; U_j distinct templates used on input channel j, V_i by filter i.
"""

from typing import NamedTuple

from costmodels.conventions import ACCUMULATOR_BITS, FLOAT_BITS
from costmodels.numbers import Count, least, select
from costmodels.schemes.operations import SCALE_BIT_OPS, Operations, weight_bit_ops
from costmodels.shapes import ConvShape

__all__ = [
    "ADD_THEN_CONVOLVE",
    "CONVOLVE_THEN_ADD",
    "Kernels",
    "add_then_convolve_operations",
    "convolve_then_add_operations",
    "direct_operations",
]

CONVOLVE_THEN_ADD, ADD_THEN_CONVOLVE = "convolve-then-add", "add-then-convolve"
VALUE_BYTES = ACCUMULATOR_BITS // 8


class Kernels(NamedTuple):
    """Kernels a*K_t + b.

    Args:
        templates: K.
        coefficient_bits: of each a and each b.
        template_bits: of a template's values.
        offset: whether there is the b.
    """

    templates: Count
    coefficient_bits: Count
    template_bits: Count
    offset: bool

    @property
    def coefficients(self) -> int:
        """Of a kernel: a and b, or a alone."""
        return 2 if self.offset else 1

    def scalings(self, values: Count) -> Count:
        """Multiplications that bring so many values under b into the unit of a."""
        return select(self.coefficient_bits == FLOAT_BITS, 0, values if self.offset else 0)


def direct_operations(shape: ConvShape, kernels: Kernels, activation_bits: int) -> Operations:
    """Rebuild: a multiplication (and with b an addition) for each weight, once, and with a quantized b one
    for each kernel; scratch is one 32-bit filter. Then n*(c/g)*d^2*H'W' MAC of 32-bit weights."""
    shifted, scalings = shape.weights if kernels.offset else 0, kernels.scalings(shape.kernels)
    macs, more, bit_ops = weight_bit_ops(FLOAT_BITS, shape.dense_macs, activation_bits)
    rebuild = kernels.coefficient_bits * kernels.template_bits * shape.weights + ACCUMULATOR_BITS * shifted
    return Operations(
        macs=macs,
        additions=more + shifted,
        multiplications=shape.weights + scalings,
        bit_ops=bit_ops + rebuild + scalings * SCALE_BIT_OPS,
        scratch_bytes=VALUE_BYTES * shape.group_inputs * shape.kernel_area,
    )


def convolve_then_add_operations(
    shape: ConvShape, kernels: Kernels, activation_bits: int, templates_by_input: int | None
) -> Operations:
    """H'W'*(d^2*sum_j U_j) MAC of templates on input channels, then 2*n*(c/g)*H'W' coefficient MAC; box sums
    c*(d^2-1)*H'W' additions, and with a quantized b c*H'W' multiplications. Scratch, channel by channel and row by
    row: the maps of a channel, its box sum and the row's partial sums.

    Args:
        shape: the layer.
        kernels: of it.
        activation_bits: of a value of the image.
        templates_by_input: sum_j U_j, the most that there can be if it is not known.
    """
    bound = least(kernels.templates, shape.group_outputs)
    used_maps = shape.in_channels * bound if templates_by_input is None else templates_by_input
    boxes = _box_sums(shape) if kernels.offset else 0
    macs, additions, bit_ops = weight_bit_ops(
        kernels.template_bits, used_maps * shape.kernel_area * shape.weight_uses, activation_bits
    )
    mixing = kernels.coefficients * shape.kernels * shape.positions
    mixed_macs, mixed_additions, mixed_bit_ops = weight_bit_ops(kernels.coefficient_bits, mixing, ACCUMULATOR_BITS)
    scalings = kernels.scalings(shape.in_channels * shape.positions)
    rows = bound + (1 if kernels.offset else 0) + shape.group_outputs
    return Operations(
        macs=macs + mixed_macs,
        additions=additions + mixed_additions + boxes,
        multiplications=scalings,
        bit_ops=bit_ops + mixed_bit_ops + boxes * activation_bits + scalings * SCALE_BIT_OPS,
        scratch_bytes=VALUE_BYTES * rows * shape.output_size[1],
        method=CONVOLVE_THEN_ADD,
    )


def add_then_convolve_operations(
    shape: ConvShape, kernels: Kernels, activation_bits: int, templates_by_output: int | None
) -> Operations:
    """2*n*(c/g)*H*W coefficient MAC add the input channels of each template, then d^2*sum_i V_i*H'W' template MAC;
    the box sums of n maps take d^2 additions a position, and with a quantized b a multiplication. Scratch, filter
    by filter: its V_i maps and the box's.

    Args:
        shape: the layer.
        kernels: of it.
        activation_bits: of a value of the image.
        templates_by_output: sum_i V_i, the most that there can be if it is not known.
    """
    bound = least(kernels.templates, shape.group_inputs)
    used_maps = shape.out_channels * bound if templates_by_output is None else templates_by_output
    pixels = shape.input_elements // shape.in_channels
    adding = kernels.coefficients * shape.kernels * pixels
    boxes = shape.out_channels * shape.kernel_area * shape.weight_uses if kernels.offset else 0
    macs, additions, bit_ops = weight_bit_ops(kernels.coefficient_bits, adding, activation_bits)
    scalings = kernels.scalings(shape.out_channels * shape.positions)
    convolved = used_maps * shape.kernel_area * shape.weight_uses
    more_macs, more_additions, more_bit_ops = weight_bit_ops(kernels.template_bits, convolved, ACCUMULATOR_BITS)
    return Operations(
        macs=macs + more_macs,
        additions=additions + more_additions + boxes,
        multiplications=scalings,
        bit_ops=bit_ops + more_bit_ops + boxes * ACCUMULATOR_BITS + scalings * SCALE_BIT_OPS,
        scratch_bytes=VALUE_BYTES * (bound + (1 if kernels.offset else 0)) * pixels,
        method=ADD_THEN_CONVOLVE,
    )


def _box_sums(shape: ConvShape) -> int:
    """Additions that sum the windows of every input channel: one fewer at each position than values that it meets."""
    return shape.in_channels * max(shape.kernel_area * shape.weight_uses - shape.positions, 0)
