"""Vector-quantized: the weights cut into vectors, each of them a codeword, or the sum of two.

Sources: Stock et al., And the Bit Goes Down, ICLR 2020 (one codebook: product quantization, vectors along the kernel);
Egiazarian et al., AQLM, ICML 2024 (additive codebooks). The counts and the shared maps are derived, as those of stacked
filters and of linear representation, of which codewords for whole kernels are the case without a and b.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self, final

import numpy as np

from costmodels.layout import Arrays, Field, choices, numbers, scale_numbers
from costmodels.machine import FLOAT, KernelPath
from costmodels.machine.entries import merging_work
from costmodels.machine.filters import Bank, bank_blocks, bank_work
from costmodels.machine.paths import integer_path, largest_code_sum
from costmodels.numbers import Count, ceil_log2, least, nearest_divisors, select
from costmodels.scales import SCALE_BITS
from costmodels.schemes.bank import quantizer_scale_bits
from costmodels.schemes.base import (
    ACCUMULATOR_BITS,
    DIRECT,
    FLOAT_BITS,
    SCALE_BIT_OPS,
    SHARED_MAPS,
    Grid,
    LayerUsage,
    Operations,
    Scheme,
    Timed,
    weight_bit_ops,
)
from costmodels.schemes.draw import Draw
from costmodels.shapes import ConvShape

__all__ = ["VectorQuantized"]

MOST_CODEWORDS = 1 << 16
POINTWISE_CHANNELS = 4
"""Channels of a vector of 1x1 kernels, where none are asked for."""

VALUE_BYTES = ACCUMULATOR_BITS // 8


@final
@dataclass(frozen=True)
class VectorQuantized(Scheme):
    """Vectors of weights as codewords.

    Args:
        codewords: K, of a codebook, at most 65,536. Where there are more than vectors, each vector has its own.
        codebooks: M: 1, or 2 for sums of a codeword of each.
        value_bits: of a codeword's value: 1 to 16 for codes under a scale for each codebook, or 32 for floats.
        vector_channels: input channels of a vector, which has the values of their kernels; a divisor of the channels
            of a group. 0 for one channel of a larger kernel, four of a 1x1 kernel.
        scale_bits: of a stored scale, 32, 16, 8 or 4 (`costmodels.scales`).

    Raises:
        SchemeError: a parameter is out of range, or on `check`, the vectors do not divide the channels.
    """

    codewords: int = 256
    codebooks: int = 1
    value_bits: int = 8
    vector_channels: int = 0
    scale_bits: int = FLOAT_BITS
    name: ClassVar[str] = "vector-quantized"
    reference: ClassVar[str] = "stock2020bit"
    method_names: ClassVar[tuple[str, ...]] = (DIRECT, SHARED_MAPS)
    grid: ClassVar[Grid] = {"codewords": (16, 64, 256), "value_bits": (4,), "scale_bits": (8,)}
    in_default_grid: ClassVar[bool] = True

    def __post_init__(self) -> None:
        rule, found = f"codewords is 1 to {MOST_CODEWORDS}", self.codewords
        self._require(1 <= self._whole("codewords") <= MOST_CODEWORDS, rule, found, "choose such a number")
        rule, found = "codebooks is 1 or 2", self.codebooks
        self._require(self._whole("codebooks") in (1, 2), rule, found, "choose one of them")
        self._require_bits("value_bits")
        rule, size = "vector_channels is an integer of at least 0", self.vector_channels
        is_whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        self._require(is_whole and self._whole("vector_channels") >= 0, rule, size, "choose 0 for the usual vectors")
        self._require_scale_bits()

    def check(self, shape: ConvShape) -> None:
        """Vectors divide the channels of a group."""
        size = self.channels(shape)
        fits = shape.group_inputs % size == 0
        self._require(
            fits,
            "vector_channels divides the input channels of a group",
            f"{size} for {shape.group_inputs} channels",
            "" if fits else nearest_divisors(shape.group_inputs, size),
        )

    def channels(self, shape: ConvShape) -> Count:
        """Channels of a vector."""
        usual = POINTWISE_CHANNELS if shape.kernel_area == 1 else 1
        return select(self.vector_channels == 0, usual, self.vector_channels)

    def segments(self, shape: ConvShape) -> Count:
        """S, the vectors of a filter."""
        return shape.group_inputs // self.channels(shape)

    def storage(self, shape: ConvShape, used: LayerUsage = LayerUsage()) -> dict[str, Count]:
        """index M*N*L2(K) for N vectors; codebook M*K*v*b_C for v values of a vector; a scale for each codebook, as
        `costmodels.scales.scale_storage_bits`, where its values are codes."""
        values = self.channels(shape) * shape.kernel_area
        return {
            "index": self.codebooks * shape.out_channels * self.segments(shape) * ceil_log2(self.codewords),
            "codebook": self.codebooks * self.codewords * values * self.value_bits,
            "scales": quantizer_scale_bits(self.value_bits, self.codebooks, self.scale_bits),
        }

    def executions(
        self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()
    ) -> dict[str, Operations]:
        """direct: codewords read from the codebook as they are needed; of two codebooks each filter reconstructed once.
        shared-maps: each codeword convolved once with the vectors' channels, then merged."""
        reconstructed, read = self._reconstructed(shape, activation_bits), self._read(shape, activation_bits)
        columns = {
            name: select(self.codebooks == 1, getattr(read, name), getattr(reconstructed, name))
            for name in ("macs", "additions", "multiplications", "bit_ops", "scratch_bytes")
        }
        return {DIRECT: Operations(**columns), SHARED_MAPS: self._shared(shape, activation_bits, used)}

    def _read(self, shape: ConvShape, activation_bits: int) -> Operations:
        """n*(c/g)*d^2*H'W' accumulations; the scale of the codebook requantizes the output."""
        macs, additions, bit_ops = weight_bit_ops(self.value_bits, shape.dense_macs, activation_bits)
        return Operations(macs=macs, additions=additions, bit_ops=bit_ops)

    def _reconstructed(self, shape: ConvShape, activation_bits: int) -> Operations:
        """An addition for each weight, and for codes a multiplication that brings the second codeword into the unit of
        the first; then n*(c/g)*d^2*H'W' MAC of 32-bit weights. Scratch is one filter."""
        macs, additions, bit_ops = weight_bit_ops(FLOAT_BITS, shape.dense_macs, activation_bits)
        scalings = select(self.value_bits == FLOAT_BITS, 0, shape.weights)
        return Operations(
            macs=macs,
            additions=additions + shape.weights,
            multiplications=scalings,
            bit_ops=bit_ops + ACCUMULATOR_BITS * shape.weights + FLOAT_BITS * self.value_bits * scalings,
            scratch_bytes=VALUE_BYTES * shape.group_inputs * shape.kernel_area,
        )

    def _shared(self, shape: ConvShape, activation_bits: int, used: LayerUsage) -> Operations:
        """v*H'W' accumulations for each distinct codeword that some filter of a group takes at a segment; then
        n*(M*S - 1)*H'W' additions, and with two codebooks of codes n*H'W' multiplications that bring the second sum
        into the unit of the first. Scratch, segment by segment and row by row: its maps, and the row's sums."""
        segments, values = self.segments(shape), self.channels(shape) * shape.kernel_area
        bound = self.codebooks * least(self.codewords, shape.group_outputs)
        maps = shape.groups * segments * bound if used.pairs is None else used.pairs
        macs, additions, bit_ops = weight_bit_ops(self.value_bits, maps * values * shape.weight_uses, activation_bits)
        merges = shape.out_channels * (self.codebooks * segments - 1) * shape.positions
        has_units = (self.codebooks == 2) & (self.value_bits != FLOAT_BITS)
        scalings = select(has_units, shape.out_channels * shape.positions, 0)
        rows = bound + select(has_units, 2, 1) * shape.group_outputs
        return Operations(
            macs=macs,
            additions=additions + merges,
            multiplications=scalings,
            bit_ops=bit_ops + ACCUMULATOR_BITS * merges + SCALE_BIT_OPS * scalings,
            scratch_bytes=VALUE_BYTES * rows * shape.output_size[1],
        )

    @property
    def takes_channel_scale(self) -> bool:
        """No number is stored for each filter."""
        return False

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``codebook`` (M, K, channels, kh, kw), ``index`` (M, n, S), and ``scales`` (M,) where values are codes."""
        sizes = self.codebooks, self.codewords, self.channels(shape), *shape.kernel
        slots = self.codebooks, shape.out_channels, self.segments(shape)
        index = choices(self.codewords, np.min_scalar_type(self.codewords - 1))
        fields = (
            Field("codebook", "codebook", sizes, numbers(self.value_bits)),
            Field("index", "index", slots, index),
        )
        if self.value_bits == FLOAT_BITS:
            return fields
        return *fields, Field("scales", "scales", (self.codebooks,), scale_numbers(self.scale_bits))

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """The distinct (codebook, group, segment, codeword) quadruples."""
        index = arrays["index"].astype(np.int64)
        book, filters, segment = np.indices(index.shape)
        places = (book * shape.groups + filters // shape.group_outputs) * index.shape[2] + segment
        return LayerUsage(pairs=len(np.unique(places * self.codewords + index)))

    @property
    def filter_bits(self) -> int:
        """Those of a codeword; sums of two are floats."""
        return self.value_bits if self.codebooks == 1 else FLOAT_BITS

    @property
    def scales_outputs(self) -> bool:
        """Where there is one codebook of codes; of two, the kernels take the scales into the codewords."""
        return self.filter_bits != FLOAT_BITS

    def is_exact(self, method: str, activation_bits: int) -> bool:
        """Where codewords and activations are integers."""
        return FLOAT_BITS not in (self.filter_bits, activation_bits)

    def path(self, shape: ConvShape, activation_bits: int, method: str) -> KernelPath:
        """A filter for every output, or the codewords of each segment and the sums of their maps."""
        if not self.is_exact(method, activation_bits):
            return KernelPath(self.name, method, FLOAT)
        values, entries = self.channels(shape) * shape.kernel_area, self.segments(shape)
        if method == DIRECT:
            values, entries = values * entries, 1
        code_sum = largest_code_sum(values, self.value_bits)
        return integer_path(self.name, method, self.value_bits, activation_bits, code_sum, entries)

    def maps_shape(self, shape: ConvShape, filters: int) -> ConvShape:
        """The convolution that gives the shared maps: as many codewords for each segment of each group."""
        parts = shape.groups * self.segments(shape)
        return replace(shape, out_channels=parts * filters, groups=parts)

    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """Filters that are put together, or codewords, over the input; and the maps of these added up."""
        slots = self.codebooks * shape.out_channels * self.segments(shape)
        run = shape
        if path.execution == SHARED_MAPS:
            parts = shape.groups * self.segments(shape)
            run = self.maps_shape(shape, self.codebooks * self._distinct(shape, used, parts))
        weights = {"reconstructed": path.product_words * run.weights}
        if path.execution == DIRECT and path.arithmetic == FLOAT:
            weights = {"reconstructed": self.codebooks * run.weights, "dense_entries": slots}
        bank = Bank.of_outputs(run)
        blocks = bank_blocks(run, bank, path)
        amounts = bank_work(run, bank, blocks, path, activation_bits, self.filter_bits, weights)
        return amounts | (merging_work(slots, blocks, path) if path.execution == SHARED_MAPS else {})

    def _distinct(self, shape: ConvShape, used: LayerUsage, parts: int) -> int:
        """Codewords of a segment, of each codebook: the mean of a fitted layer, else those expected of random ones."""
        if used.pairs is not None:
            return max(1, -(-used.pairs // (parts * self.codebooks)))
        expected = self.codewords * (1 - (1 - 1 / self.codewords) ** shape.group_outputs)
        return max(1, round(expected))

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any parameters."""
        return cls(draw.filters, draw.one_of(1, 2), draw.bits(), draw.segment_channels, draw.one_of(*SCALE_BITS))

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """256 codewords of eight bits; vectors of four channels of 1x1 kernels where these divide."""
        size = next(size for size in (4, 2, 1) if shape.group_inputs % size == 0)
        return cls(vector_channels=size if shape.kernel_area == 1 else 1)

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Integers against few bits and many, and floats, under both methods."""
        sizes = [size for size in (1, 2, 4, 8) if draw.segment_channels % size == 0]
        found: list[Timed] = []
        for method in cls.method_names:
            size, count = draw.one_of(*sizes), draw.one_of(16, 64, 256)
            found += [
                (cls(count, 1, 4, size), method, draw.one_of(1, 2, 4)),
                (cls(count, 1, 8, size), method, draw.one_of(4, 8)),
                (cls(count, draw.one_of(1, 2), draw.one_of(4, 8, FLOAT_BITS), size), method, FLOAT_BITS),
            ]
        return found
