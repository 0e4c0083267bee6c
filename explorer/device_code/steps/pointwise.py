"""Convolutions of one tap whose codes are multiplied as they are packed."""

from dataclasses import dataclass
from typing import ClassVar

from explorer.device_code.forms.coded_filters import Fact
from explorer.device_code.steps.conv import COLUMNS, READY_BYTES, ConvStep

__all__ = ["PointwiseStep"]

WORD_BITS = 32


@dataclass(frozen=True, eq=False)
class PointwiseStep(ConvStep):
    """A convolution of one tap with dense codes; arguments as of `ConvStep`."""

    kernel: ClassVar[str] = "pointwise"

    @classmethod
    def takes(cls, step: ConvStep) -> bool:
        """Whether a step can be one: whole words of whole codes for each filter, at several places inside the input."""
        width = step.coded.code_bits
        if width is None or step.groups > 1 or step.places == 1 or step.window.kernel != (1, 1):
            return False
        return step.window.is_inside and WORD_BITS % width == 0 and step.channels * width % WORD_BITS == 0

    @property
    def work_bytes(self) -> int:
        """What requantization has ready of every filter, and the columns of four places."""
        return READY_BYTES * len(self.coded.filters) + COLUMNS * 2 * self.channels

    @property
    def in_place(self) -> tuple[int, ...]:
        """Over the input, where the outputs of a place are no more than its inputs."""
        is_behind = len(self.coded.filters) <= self.channels
        return self.inputs if is_behind and self.finish.range is None else ()

    @property
    def form_source(self) -> str:
        """The products of codes of this width."""
        return f"codes_{self.coded.code_bits}"

    @property
    def form_structure(self) -> str:
        """Of codes of any width."""
        return "codes"

    @property
    def decode(self) -> None:
        """Nothing is decoded."""
        return

    @property
    def form_facts(self) -> dict[str, Fact]:
        """Where the codes lie; a code of 1 or 2 bits is an odd number, of others a number less half of the highest."""
        width = self.coded.code_bits
        assert width is not None  # noqa: S101
        return {
            "dot": f"filterfront_{self.form_source}",
            "codes": self.coded.code_stream,
            "width": width,
            "words": self.channels * width // WORD_BITS,
            "factor": 2 if width <= 2 else 1,
            "offset": 1 - (1 << width) if width <= 2 else -(1 << width - 1),
        }
