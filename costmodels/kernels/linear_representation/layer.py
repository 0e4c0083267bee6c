"""What the executions of a linear representation share."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from costmodels.kernels.engine.kernel import FLOAT
from costmodels.kernels.engine.streams import Stream
from costmodels.kernels.packing import PackedLayer, locate
from costmodels.shapes import ConvShape

__all__ = ["Kernels", "Linear"]


@dataclass(frozen=True, eq=False)
class Kernels:
    """The kernels of a layer.

    Args:
        templates: (K, kh*kw).
        index: (n, c/g), each kernel's template.
        a: (n, c/g), scaled.
        b: (n, c/g), scaled; none without an offset.
    """

    templates: np.ndarray
    index: np.ndarray
    a: np.ndarray
    b: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Linear(ABC):
    """A layer in one execution.

    Args:
        packed: a layer of linear representation.
        activation_bits: of its input; the sums are of floats all the same.
    """

    packed: PackedLayer
    activation_bits: int
    uses_blas: ClassVar[bool] = False

    @property
    def shape(self) -> ConvShape:
        """The layer."""
        return self.packed.shape

    @property
    @abstractmethod
    def units(self) -> int:
        """As of `Kernel`."""

    @property
    def block(self) -> int:
        """All of them: the tiles are chosen within `run`."""
        return self.units

    @property
    def output_dtype(self) -> np.dtype:
        """float32."""
        return FLOAT

    @abstractmethod
    def read(self, image: np.ndarray) -> Any:
        """As `Kernel.read`."""

    @abstractmethod
    def run(self, inputs: Any, first: int, last: int, out: np.ndarray) -> None:
        """As `Kernel.run`."""

    def kernels(self) -> Kernels:
        """Reads the kernels from their streams."""
        streams = {name: Stream.of(located) for name, located in locate(self.packed).items()}
        scales = streams["scales"].floats(-1) if "scales" in streams else np.ones(2, FLOAT)
        pairs = self.shape.weight_shape[:2]
        a, b = (
            streams[name].floats(*pairs) * scale if name in streams else None
            for name, scale in zip("ab", (*scales, 1), strict=False)
        )
        index = streams["index"].numbers(np.empty(pairs, np.int32))
        assert a is not None  # noqa: S101
        return Kernels(streams["templates"].floats(-1, self.shape.kernel_area), index, a, b)

    @cached_property
    def prepared(self) -> Kernels:
        """The kernels, read once."""
        return self.kernels()
