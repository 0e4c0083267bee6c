"""The steps of a program as a processor with wide vectors runs them: their kernels, and the memory that these take.

The C side is `filterfront_wide.h`. A tile is 16 outputs of a group: numbers of its requantization, then weights, unit
by unit. Sizes are those of halfwords, the larger of both ways in which values and weights are laid out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from explorer.deployment.device_code.forms.coded_filters import Fact
from explorer.deployment.device_code.steps import AddStep, ConvStep, DepthwiseStep, RescaleStep, Step, TransposedStep

__all__ = ["ALIGNMENT", "WideStep", "wide_step"]

ALIGNMENT = 64
"""Of what is prepared: the bytes of a vector."""

LANES, UNIT_BYTES, TILE_BYTES, SLACK_BYTES = 16, 4, 384, 64
HALFWORD = 2
BAND_BYTES = 16 * 1024
"""Of unpacked rows of the input, as far as one row of outputs does not need more: half of a small first cache."""

LINE_PLACES = 64
"""Of a layer of one tap, whose places lie in one line."""


@dataclass(frozen=True, eq=False)
class WideStep:
    """A step with the kernel of wide vectors, or its own where there is none.

    Args:
        step: as it is in other programs.
        kernel: that it calls.
        work_bytes: of scratch.
        prepared_bytes: that are decoded once and kept; 0 of steps without weights.
        facts: fields of the C structure of a layer, but for its first.
    """

    step: Step
    kernel: str
    work_bytes: int = 0
    prepared_bytes: int = 0
    facts: Mapping[str, Fact] | None = None

    @property
    def name(self) -> str:
        """Of the layer or operation."""
        return self.step.name

    @property
    def output(self) -> int:
        """Number of the tensor that it writes."""
        return self.step.output

    @property
    def inputs(self) -> tuple[int, ...]:
        """Numbers of the tensors that it reads."""
        return self.step.inputs

    @property
    def in_place(self) -> tuple[int, ...]:
        """Layers read a band of rows before they write, and not the whole input."""
        return () if isinstance(self.step, ConvStep) else self.step.in_place


def wide_step(step: Step) -> WideStep:
    """A step as it is run by wide vectors."""
    if isinstance(step, DepthwiseStep):
        return _deep(step)
    if isinstance(step, ConvStep) and not isinstance(step, TransposedStep):
        return _conv(step)
    names = {AddStep: "wide_add", RescaleStep: "wide_rescale"}
    return WideStep(step, names.get(type(step), step.kernel), step.work_bytes)


def _conv(step: ConvStep) -> WideStep:
    window, channels = step.window, step.channels
    outputs, members, height, width = step.coded.filters.shape
    is_line = window.kernel == window.stride == (1, 1) and window.pad == (0, 0)
    is_line &= window.output_size == window.input_size
    places = min(step.places, LINE_PLACES) if is_line else window.output_size[1]
    rows = -(-step.places // places)
    columns = (places - 1) * window.stride[1] + (width - 1) * window.dilation[1] + 1
    reach = (height - 1) * window.dilation[0] + 1
    rows, band = _band(columns * channels, rows, window.stride[0], reach)
    runs, values = (1, width * members) if step.groups == 1 and window.dilation[1] == 1 else (width, members)
    units = height * runs * -(-values // 2)
    tiles = step.groups * -(-(outputs // step.groups) // LANES)
    prepared = tiles * (TILE_BYTES + units * LANES * UNIT_BYTES)
    return _layer(step, "wide_conv", band, prepared, rows, places if is_line else 0)


def _deep(step: DepthwiseStep) -> WideStep:
    window, channels = step.window, step.channels
    height, width = window.kernel
    columns = (window.output_size[1] - 1) * window.stride[1] + width
    rows, band = _band(columns * channels, window.output_size[0], window.stride[0], height)
    pairs = -(-height * width // 2)
    tiles = -(-channels // LANES)
    prepared = _aligned(2 * pairs * 4) + tiles * (TILE_BYTES + pairs * LANES * UNIT_BYTES)
    return _layer(step, "wide_deep", band, prepared, rows, 0)


def _band(row_values: int, rows: int, stride: int, reach: int) -> tuple[int, int]:
    """Rows of outputs that are computed of one band of the input's rows, and the bytes of the band."""
    row_bytes = HALFWORD * row_values
    held = (BAND_BYTES // row_bytes - reach) // stride + 1
    count = max(1, min(rows, held))
    return count, ((count - 1) * stride + reach) * row_bytes + SLACK_BYTES


def _layer(step: ConvStep, kernel: str, band: int, prepared: int, rows: int, width: int) -> WideStep:
    filters = step.coded.filters
    decoding = 2 * HALFWORD * -(-step.length // 2) + step.coded.work_bytes
    facts: dict[str, Fact] = {"least": int(filters.min()), "greatest": int(filters.max()), "rows": rows, "width": width}
    return WideStep(step, kernel, max(band, decoding), _aligned(prepared), facts)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
