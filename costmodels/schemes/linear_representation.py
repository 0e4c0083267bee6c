"""Linear representation of kernels (paper 2): every d x d kernel is a*K_t + b, with K_t from a codebook of templates.

Source: Chen, Chen & Su, ICMV 2018; the operation counts are derived (two exact ways to share work, see `executions`).
"""

from dataclasses import dataclass
from typing import ClassVar, final

from costmodels.numbers import Count, ceil_log2, least, select
from costmodels.schemes.base import (
    ACCUMULATOR_BITS,
    FLOAT_BITS,
    SCALE_BIT_OPS,
    LayerUsage,
    Operations,
    Scheme,
    weight_bit_ops,
)
from costmodels.shapes import ConvShape

__all__ = ["LinearRepresentation"]

CODEBOOKS = ("layer", "network", "uncounted")
VALUE_BYTES = ACCUMULATOR_BITS // 8


@final
@dataclass(frozen=True)
class LinearRepresentation(Scheme):
    """Kernels as a*K_t + b.

    Args:
        templates: K, the templates of the codebook.
        coefficient_bits: of each a and each b.
        template_bits: of a template's values.
        codebook: one per ``layer``; one for the ``network`` (the paper), counted once by `network_cost`; or
            ``uncounted``.
        offset: whether kernels have the b; without it this is kernel clustering with a scale (ECCV 2018).

    Raises:
        SchemeError: a parameter is out of range, or on `check`, the kernels are 1x1.
    """

    templates: int = 256
    coefficient_bits: int = 32
    template_bits: int = 32
    codebook: str = "layer"
    offset: bool = True
    name: ClassVar[str] = "linear-representation"
    reference: ClassVar[str] = "chen2018linear"

    def __post_init__(self) -> None:
        self._require_positive("templates")
        self._require_bits("coefficient_bits", "template_bits")
        self._require_choice("codebook", CODEBOOKS)
        self._require(isinstance(self.offset, bool), "offset is true or false", self.offset, "choose one")

    def check(self, shape: ConvShape) -> None:
        """Kernels have more than one element."""
        self._require(
            shape.kernel_area > 1,
            "kernels of one element gain nothing",
            str(shape),
            "choose another scheme for 1x1 layers",
        )

    @property
    def _coefficients(self) -> int:
        """Coefficients of a kernel: a and b, or a alone."""
        return 2 if self.offset else 1

    def _codebook_bits(self, shape: ConvShape) -> Count:
        return self.template_bits * self.templates * shape.kernel_area

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """coefficients N*(b_a + b_b) and index N*L2(K) for N kernels; codebook b_T*K*d^2; one 32-bit scale for all a
        and one for all b where they are quantized (a template's own scale is part of the scale of a)."""
        scales = select(self.coefficient_bits == FLOAT_BITS, 0, FLOAT_BITS * self._coefficients)
        return {
            "coefficients": self._coefficients * self.coefficient_bits * shape.kernels,
            "index": ceil_log2(self.templates) * shape.kernels,
            "codebook": (1 if self.codebook == "layer" else 0) * self._codebook_bits(shape),
            "scales": scales,
        }

    def shared_storage(self, shape: ConvShape) -> dict[str, int]:
        """The network's codebook, one for each kernel size, number of templates and template width; templates that are
        clustered for kernels with an offset are others than those without."""
        if self.codebook != "network":
            return {}
        height, width = shape.kernel
        key = f"codebook {self.templates} x {height}x{width} x {self.template_bits} bits"
        return {key if self.offset else f"{key}, no offset": self._codebook_bits(shape)}

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """direct: each filter is rebuilt once and convolved. shared-maps: the cheaper in bit-ops of convolve-then-add
        and add-then-convolve. All three give the same result.

        Quantized a and b have scales of their own. That of a requantizes the output, which is free; b is brought into
        its unit by the ratio of both: a multiplication a kernel in direct, else one a position for each box sum."""
        direct, first, second = self.methods(shape, activation_bits, used).values()
        columns = {}
        first_is_least = first.bit_ops <= second.bit_ops
        for name in ("macs", "additions", "multiplications", "bit_ops", "scratch_bytes"):
            columns[name] = select(first_is_least, getattr(first, name), getattr(second, name))
        method = select(first_is_least, "convolve-then-add", "add-then-convolve")
        return {"direct": direct, "shared-maps": Operations(**columns, method=method)}

    def methods(self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()) -> dict[str, Operations]:
        """direct, convolve-then-add and add-then-convolve."""
        return {
            "direct": self._direct(shape, activation_bits),
            "convolve-then-add": self._convolve_then_add(shape, activation_bits, used),
            "add-then-convolve": self._add_then_convolve(shape, activation_bits, used),
        }

    def _scalings(self, values: Count) -> Count:
        """Multiplications that bring so many values under b into the unit of a."""
        return select(self.coefficient_bits == FLOAT_BITS, 0, values if self.offset else 0)

    def _direct(self, shape: ConvShape, activation_bits: int) -> Operations:
        """Rebuild: a multiplication (and with b an addition) for each weight, once, and with a quantized b one
        for each kernel; scratch is one 32-bit filter. Then n*(c/g)*d^2*H'W' MAC of 32-bit weights."""
        shifted, scalings = shape.weights if self.offset else 0, self._scalings(shape.kernels)
        macs, more, bit_ops = weight_bit_ops(FLOAT_BITS, shape.dense_macs, activation_bits)
        rebuild = self.coefficient_bits * self.template_bits * shape.weights + ACCUMULATOR_BITS * shifted
        return Operations(
            macs=macs,
            additions=more + shifted,
            multiplications=shape.weights + scalings,
            bit_ops=bit_ops + rebuild + scalings * SCALE_BIT_OPS,
            scratch_bytes=VALUE_BYTES * shape.group_inputs * shape.kernel_area,
        )

    def _convolve_then_add(self, shape: ConvShape, activation_bits: int, used: LayerUsage) -> Operations:
        """H'W'*(d^2*sum_j U_j) MAC of templates on input channels, then 2*n*(c/g)*H'W' coefficient MAC; box sums
        c*(d^2-1)*H'W' additions, and with a quantized b c*H'W' multiplications. Scratch, channel by channel and row by
        row: the maps of a channel, its box sum and the row's partial sums."""
        bound = least(self.templates, shape.group_outputs)
        used_maps = shape.in_channels * bound if used.templates_by_input is None else used.templates_by_input
        boxes = shape.in_channels * (shape.kernel_area - 1) * shape.positions if self.offset else 0
        macs, additions, bit_ops = weight_bit_ops(
            self.template_bits, used_maps * shape.kernel_area * shape.positions, activation_bits
        )
        mixing = self._coefficients * shape.kernels * shape.positions
        mixed_macs, mixed_additions, mixed_bit_ops = weight_bit_ops(self.coefficient_bits, mixing, ACCUMULATOR_BITS)
        scalings = self._scalings(shape.in_channels * shape.positions)
        rows = bound + (1 if self.offset else 0) + shape.group_outputs
        return Operations(
            macs=macs + mixed_macs,
            additions=additions + mixed_additions + boxes,
            multiplications=scalings,
            bit_ops=bit_ops + mixed_bit_ops + boxes * activation_bits + scalings * SCALE_BIT_OPS,
            scratch_bytes=VALUE_BYTES * rows * shape.output_size[1],
            method="convolve-then-add",
        )

    def _add_then_convolve(self, shape: ConvShape, activation_bits: int, used: LayerUsage) -> Operations:
        """2*n*(c/g)*H*W coefficient MAC add the input channels of each template, then d^2*sum_i V_i*H'W' template MAC;
        the box sums of n maps take d^2 additions a position, and with a quantized b a multiplication. Scratch, filter
        by filter: its V_i maps and the box's."""
        bound = least(self.templates, shape.group_inputs)
        used_maps = shape.out_channels * bound if used.templates_by_output is None else used.templates_by_output
        pixels = shape.input_size[0] * shape.input_size[1]
        adding = self._coefficients * shape.kernels * pixels
        boxes = shape.out_channels * shape.kernel_area * shape.positions if self.offset else 0
        macs, additions, bit_ops = weight_bit_ops(self.coefficient_bits, adding, activation_bits)
        scalings = self._scalings(shape.out_channels * shape.positions)
        convolved = used_maps * shape.kernel_area * shape.positions
        more_macs, more_additions, more_bit_ops = weight_bit_ops(self.template_bits, convolved, ACCUMULATOR_BITS)
        return Operations(
            macs=macs + more_macs,
            additions=additions + more_additions + boxes,
            multiplications=scalings,
            bit_ops=bit_ops + more_bit_ops + boxes * ACCUMULATOR_BITS + scalings * SCALE_BIT_OPS,
            scratch_bytes=VALUE_BYTES * (bound + (1 if self.offset else 0)) * pixels,
            method="add-then-convolve",
        )

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return self.coefficient_bits == FLOAT_BITS
