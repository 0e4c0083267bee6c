"""Linear representation of kernels (paper 2): parameters, storage, and what the kernels make of them.

Source: Chen, Chen & Su, ICMV 2018; the operation counts are derived (two exact ways to share work, see `executions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from costmodels.layout import LAYER, NETWORK, UNCOUNTED, Arrays, Field, choices, numbers
from costmodels.machine import FLOAT, KernelPath
from costmodels.machine.filters import Bank, bank_blocks, bank_work
from costmodels.numbers import Count, ceil_log2, select
from costmodels.schemes.base import DIRECT, FLOAT_BITS, SHARED_MAPS, Grid, LayerUsage, Operations, Scheme, Timed
from costmodels.schemes.draw import Draw
from costmodels.schemes.linear_representation.operations import (
    ADD_THEN_CONVOLVE,
    CONVOLVE_THEN_ADD,
    Kernels,
    add_then_convolve_operations,
    convolve_then_add_operations,
    direct_operations,
)
from costmodels.schemes.linear_representation.work import templates_work
from costmodels.shapes import ConvShape

__all__ = ["LinearRepresentation"]

CODEBOOKS = ("layer", "network", "uncounted")


@final
@dataclass(frozen=True)
class LinearRepresentation(Scheme):
    """Kernels as a*K_t + b. The scales of a and of b, one of each a layer, are floats of 32 bits.

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
    method_names: ClassVar[tuple[str, ...]] = (DIRECT, CONVOLVE_THEN_ADD, ADD_THEN_CONVOLVE)
    takes_pointwise: ClassVar[bool] = False
    grid: ClassVar[Grid] = {
        "templates": ("1/8", "1/4", "1/2", "1/1"),
        "coefficient_bits": (2, 3, 4),
        "template_bits": (8,),
    }
    in_default_grid: ClassVar[bool] = True

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
        """direct: each filter is reconstructed once and convolved. shared-maps: the cheaper in bit-ops of
        convolve-then-add and add-then-convolve. All three give the same result.

        Quantized a and b have scales of their own. That of a requantizes the output, which is free; b is brought into
        its unit by the ratio of both: a multiplication a kernel in direct, else one a position for each box sum."""
        direct, first, second = self.methods(shape, activation_bits, used).values()
        columns = {}
        first_is_least = first.bit_ops <= second.bit_ops
        for name in ("macs", "additions", "multiplications", "bit_ops", "scratch_bytes"):
            columns[name] = select(first_is_least, getattr(first, name), getattr(second, name))
        method = select(first_is_least, CONVOLVE_THEN_ADD, ADD_THEN_CONVOLVE)
        return {DIRECT: direct, SHARED_MAPS: Operations(**columns, method=method)}

    def methods(self, shape: ConvShape, activation_bits: int, used: LayerUsage = LayerUsage()) -> dict[str, Operations]:
        """direct, convolve-then-add and add-then-convolve."""
        kernels = Kernels(self.templates, self.coefficient_bits, self.template_bits, self.offset)
        return {
            DIRECT: direct_operations(shape, kernels, activation_bits),
            CONVOLVE_THEN_ADD: convolve_then_add_operations(shape, kernels, activation_bits, used.templates_by_input),
            ADD_THEN_CONVOLVE: add_then_convolve_operations(shape, kernels, activation_bits, used.templates_by_output),
        }

    @property
    def takes_channel_scale(self) -> bool:
        """Whether the stored numbers of a filter can take up a factor."""
        return self.coefficient_bits == FLOAT_BITS

    def layout(self, shape: ConvShape, nonzeros: int = 0) -> tuple[Field, ...]:
        """``templates`` (K, kh, kw), ``index`` (n, c/g), ``a`` and, with an offset, ``b`` likewise; ``scales`` (1,) or
        (2,), of all a and all b, where these are quantized."""
        kernels, home = shape.weight_shape[:2], {"layer": LAYER, "network": NETWORK, "uncounted": UNCOUNTED}
        templates = (self.templates, *shape.kernel)
        names = ("a", "b") if self.offset else ("a",)
        index = choices(self.templates, np.min_scalar_type(self.templates - 1))
        fields = (
            Field("templates", "codebook", templates, numbers(self.template_bits), home[self.codebook]),
            Field("index", "index", kernels, index),
            *(Field(name, "coefficients", kernels, numbers(self.coefficient_bits)) for name in names),
        )
        if self.coefficient_bits == FLOAT_BITS:
            return fields
        return *fields, Field("scales", "scales", (len(names),), numbers(FLOAT_BITS))

    def usage(self, shape: ConvShape, arrays: Arrays) -> LayerUsage:
        """Distinct templates by input channel and by filter; a kernel whose a is zero uses none."""
        index, uses = arrays["index"].astype(int), arrays["a"] != 0
        filters, channels = np.indices(index.shape)
        inputs = filters // shape.group_outputs * shape.group_inputs + channels
        by_input, by_output = (len(np.unique((place * self.templates + index)[uses])) for place in (inputs, filters))
        return LayerUsage(templates_by_input=by_input, templates_by_output=by_output)

    @property
    def filter_bits(self) -> int:
        """The kernels' sums are of floats, whatever the codes."""
        return FLOAT_BITS

    @property
    def scales_outputs(self) -> bool:
        """The kernels take the scales into a and b."""
        return False

    def is_exact(self, method: str, activation_bits: int) -> bool:
        """Floats are not."""
        return False

    def path(self, shape: ConvShape, activation_bits: int, method: str) -> KernelPath:
        """Sums of floats."""
        return KernelPath(self.name, method, FLOAT)

    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """Products of reconstructed filters, or rows of templates' maps and sums, with random indices."""
        if path.execution != DIRECT:
            return templates_work(shape, self.templates, self.offset, activation_bits, path.execution)
        weights, bank = {"reconstructed": shape.weights, "dense_entries": shape.kernels}, Bank.of_outputs(shape)
        return bank_work(shape, bank, bank_blocks(shape, bank, path), path, activation_bits, FLOAT_BITS, weights)

    @classmethod
    def random(cls, draw: Draw) -> Self:
        """Of any parameters."""
        codebook, offset = draw.one_of(*CODEBOOKS), draw.one_of(True, False)
        return cls(draw.filters, draw.bits(), draw.bits(), codebook, offset)

    @classmethod
    def typical(cls, shape: ConvShape) -> Self:
        """256 templates, all of eight bits."""
        return cls(256, 8, 8)

    @classmethod
    def timed(cls, draw: Draw) -> Sequence[Timed]:
        """Integers and floats, under every method."""
        linear, bits = cls(draw.one_of(4, 8, 16, 32, 64), draw.one_of(4, 6, 8, 32), 8), draw.one_of(8, 32)
        return [(linear, method, bits) for method in cls.method_names]
