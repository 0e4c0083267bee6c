"""Entropy-coded: weights of b bits, stored in as many bits as a static code of the layer gives them.

Sources: Deep Compression (ICLR 2016) for Huffman codes of quantized weights; Duda, Asymmetric numeral systems, arXiv
1311.2540, for rANS. The stream, and that its length is known of a fitted layer only, are derived: a fit keeps a layer
within the bits that its scheme names, which is what counts before there is one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self, final

import numpy as np

from costmodels.codes import ranks_of_codes
from costmodels.layout import Arrays, CodedField, Field, numbers
from costmodels.layout.entropy import CODERS, coded_bits, least_bits
from costmodels.machine import FLOAT, INTEGER, KernelPath
from costmodels.machine.filters import Bank, bank_blocks, product_work
from costmodels.machine.limits import FLOAT32_MOST
from costmodels.machine.paths import largest_code_sum, sum_words
from costmodels.numbers import Count, round_share, select
from costmodels.scales import SCALE_BITS, scale_storage_bits
from costmodels.schemes.base import DIRECT, FLOAT_BITS, Grid, LayerUsage, Operations, Scheme, Timed, weight_bit_ops
from costmodels.schemes.draw import Draw
from costmodels.schemes.weight_scales import SCALES, quantizer_scales, scale_fields
from costmodels.shapes import ConvShape

__all__ = ["EntropyCoded"]

WIDTHS = (3, 4, 5, 6, 7, 8)
"""Bits of a code: zero is a level of each, and a byte holds a decoded weight."""

MOST_RATE = 16


@final
@dataclass(frozen=True)
class EntropyCoded(Scheme):
    """Weights of ``weight_bits`` bits under a Huffman code or rANS of their own.

    Args:
        bits_per_weight: of the stream with its table and checksum, at most; above 0. The fit gives up precision until
            the layer is within them. Where even weights of one value take more, these count (`least_bits`).
        weight_bits: 3 to 8, of a decoded code; few of its levels are used at few bits a weight.
        coder: ``huffman`` (canonical codes of at most 15 bits, 1 bit a weight at least) or ``rans`` (frequencies of 12
            bits).
        rate_lambda: what a bit is worth: the fit minimizes squared error over mean square plus ``rate_lambda`` a bit.
            0 minimizes the error alone within ``bits_per_weight``.
        scale: quantizer scales per ``filter``, per ``layer`` or ``none``; the requantization factor of the output,
            which counts no operation of its own.
        scale_bits: of a stored scale, 32, 16, 8 or 4 (`costmodels.scales`).

    Raises:
        SchemeError: a parameter is out of range.
    """

    bits_per_weight: float = 2.0
    weight_bits: int = 8
    coder: str = "huffman"
    rate_lambda: float = 0.0
    scale: str = "filter"
    scale_bits: int = FLOAT_BITS
    name: ClassVar[str] = "entropy-coded"
    reference: ClassVar[str] = "han2016deep"
    grid: ClassVar[Grid] = {"bits_per_weight": (1.5, 2.0, 2.5, 3.0, 4.0), "scale_bits": (8,)}
    in_default_grid: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._require_real(
            "bits_per_weight",
            lambda rate: 0 < rate <= MOST_RATE,
            f"bits_per_weight is above 0 and at most {MOST_RATE}",
            "give for example 2",
        )
        rule, width = "weight_bits is 3 to 8", self._whole("weight_bits")
        self._require(width in WIDTHS, rule, self.weight_bits, "choose such a width, 8 by default")
        self._require_choice("coder", CODERS)
        self._require_real(
            "rate_lambda",
            lambda price: 0 <= price < np.inf,
            "rate_lambda is a number of at least 0",
            "give for example 0.01",
        )
        self._require_choice("scale", SCALES)
        self._require_scale_bits()

    def _require_real(self, name: str, holds: Callable[[float], bool], rule: str, remedy: str) -> None:
        """Makes the parameter a plain float, if it is a number for which the rule holds."""
        value = getattr(self, name)
        is_real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        self._require(is_real and holds(float(value)), rule, value, remedy)
        object.__setattr__(self, name, float(value))

    def check(self, shape: ConvShape) -> None:
        """Every layer can be entropy-coded."""

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """weights: the bits of the stream, its table and checksum among them; before a fit what it stays within,
        bits_per_weight * n*(c/g)*d^2 rounded down, or the shortest stream that there is. scales as
        `costmodels.scales.scale_storage_bits`."""
        scales = scale_storage_bits(self.scale_bits, quantizer_scales(self.scale, shape))
        return {"weights": self.most_bits(shape) if used.coded_bits is None else used.coded_bits, "scales": scales}

    def most_bits(self, shape: ConvShape) -> Count:
        """Bits within which a fit of the layer stays."""
        least = least_bits(self.coder, self.weight_bits, shape.weights)
        asked = np.floor(self.bits_per_weight * shape.weights)
        asked = asked.astype(np.int64) if isinstance(asked, np.ndarray) else int(asked)
        return select(asked > least, asked, least)

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """n*(c/g)*d^2 weights decoded, a filter at a time into scratch of a byte a weight; n*(c/g)*d^2*H'W'
        accumulations."""
        macs, additions, bit_ops = weight_bit_ops(self.weight_bits, shape.dense_macs, activation_bits)
        scratch = shape.group_inputs * shape.kernel_area
        return {
            DIRECT: Operations(
                macs=macs, additions=additions, bit_ops=bit_ops, scratch_bytes=scratch, decoded=shape.weights
            )
        }

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return self.scale == "filter" and self.scale_bits == FLOAT_BITS

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``weights`` (n, c/g, kh, kw) of codes, and ``scales`` where there are some."""
        weights = CodedField("weights", "weights", shape.weight_shape, numbers(self.weight_bits), coder=self.coder)
        return weights, *scale_fields(self.scale, shape, self.scale_bits)

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """The bits that the codes take."""
        ranks = ranks_of_codes(arrays["weights"], self.weight_bits)
        return LayerUsage(coded_bits=coded_bits(ranks, self.weight_bits, self.coder))

    def within(self, shape: ConvShape, used: LayerUsage) -> Self:
        """One of no more bits than the stream has."""
        return self if used.coded_bits is None else replace(self, bits_per_weight=used.coded_bits / shape.weights)

    @property
    def filter_bits(self) -> int:
        """Those of a decoded code."""
        return self.weight_bits

    @property
    def scales_outputs(self) -> bool:
        """Where there are scales."""
        return self.scale != "none"

    def is_exact(self, method: str, activation_bits: int) -> bool:
        """Where activations are integers."""
        return activation_bits != FLOAT_BITS

    def path(self, shape: ConvShape, activation_bits: int, method: str) -> KernelPath:
        """A matrix product, for which the filters are decoded again for each image."""
        if activation_bits == FLOAT_BITS:
            return KernelPath(self.name, method, FLOAT)
        largest = largest_code_sum(shape.group_inputs * shape.kernel_area, self.weight_bits) << activation_bits
        return KernelPath(self.name, method, INTEGER, 1 if largest <= FLOAT32_MOST else 2, sum_words(largest))

    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """Filters over the input, decoded from their stream."""
        bank = Bank.of_outputs(shape)
        blocks = bank_blocks(shape, bank, path)
        decoding = {"coded": shape.weights, "reconstructed": path.product_words * shape.weights}
        return product_work(shape, bank, blocks, path, activation_bits) | decoding

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any rate, width, coder and scale."""
        rate = round_share(draw.density, 32) / 8 + 0.125
        switches = draw.one_of(*CODERS), draw.one_of(0.0, 0.01), draw.one_of(*SCALES), draw.one_of(*SCALE_BITS)
        return cls(rate, draw.one_of(*(bits for bits in WIDTHS if bits in draw.widths)), *switches)

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """Two bits a weight, of codes of four bits."""
        return cls(2.0, 4)

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Integers and floats, under both coders."""
        width = draw.one_of(4, 6, 8)
        return [
            (cls(2.0, width, draw.one_of(*CODERS)), DIRECT, draw.one_of(4, 8)),
            (cls(2.0, width, draw.one_of(*CODERS)), DIRECT, FLOAT_BITS),
        ]
