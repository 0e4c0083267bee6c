"""The work of linear representation in its two shared executions: rows of 64 places in register tiles."""

from costmodels.machine.pieces import copied_values, far_share, padded_values, parts, whole, window_values
from costmodels.schemes.linear_representation.operations import ADD_THEN_CONVOLVE
from costmodels.shapes import ConvShape

__all__ = [
    "CHANNELS_AT_ONCE",
    "MAPS_AT_ONCE",
    "MOST_SUMS",
    "PLACES_AT_ONCE",
    "ROW",
    "SUMS_AT_ONCE",
    "templates_work",
]

# What the kernels hold and take at once; they read it here.

ROW = 64
"""Places of a row of a map or of sums, as the register tiles take them."""

MOST_SUMS = 4
"""Rows of sums in a register tile."""

MAPS_AT_ONCE = 192
"""Rows of maps that convolve-then-add holds, 48 KiB: with fewer, which the first-level cache holds, sums are loaded and
stored too often."""

CHANNELS_AT_ONCE = 4
"""The least channels that they are of, so that sums are not loaded and stored too often."""

SUMS_AT_ONCE = 1 << 18
"""Floats of sums that add-then-convolve holds: they stay in a second-level cache."""

PLACES_AT_ONCE = 4096
"""Places of the output lines that add-then-convolve takes at a time."""


def templates_work(
    shape: ConvShape, templates: int, offset: bool, activation_bits: int, execution: str
) -> dict[str, float]:
    """Linear representation in its two shared executions, with random indices.

    Args:
        shape: the layer.
        templates: K.
        offset: whether kernels have the b.
        activation_bits: of a value of the image.
        execution: which of the two.
    """
    if execution == ADD_THEN_CONVOLVE:
        return {"calls": 1, **_add_then_convolve(shape, templates, int(offset))}
    return {"calls": 1, **_convolve_then_add(shape, templates, int(offset), activation_bits)}


def _convolve_then_add(shape: ConvShape, templates: int, box: int, activation_bits: int) -> dict[str, float]:
    """Maps of a block of channels for a row of places; every filter adds those of its kernels."""
    each = _distinct(templates, shape.group_outputs) + box
    blocks = parts(shape.group_inputs, max(CHANNELS_AT_ONCE, int(MAPS_AT_ONCE // each)))
    lies_ready = shape.stride == (1, 1)
    rows = parts(_places(shape, shape.output_size[0]) if lies_ready else shape.positions, ROW)
    pieces = rows + (shape.output_size[0] if lies_ready else 0)
    added = rows * shape.kernels * (1 + box)
    tiles = parts(int(each + 0.5), MOST_SUMS)
    return {
        "padded": padded_values(shape) if lies_ready else copied_values(shape, activation_bits),
        "windows": 0 if lies_ready else window_values(shape),
        "map_rows": rows * shape.in_channels * each,
        "map_tiles": rows * (shape.in_channels * tiles + box * blocks * shape.groups * parts(shape.group_outputs, 4)),
        "template_rows": rows * shape.in_channels * each * shape.kernel_area,
        "stored_lines": shape.out_channels * pieces,
        "added_rows": added,
        "sum_rows": rows * blocks * shape.out_channels,
        "far": added * far_share(shape.kernels * (2 + box)),
    }


def _add_then_convolve(shape: ConvShape, templates: int, box: int) -> dict[str, float]:
    """Sums of a filter's channels, template by template, for some output lines; then their convolutions."""
    sums = shape.out_channels * (_distinct(templates, shape.group_inputs) + box)
    height, (kernel_height, kernel_width) = shape.output_size[0], shape.kernel
    line = _line(shape)
    tiles = parts(height, max(1, PLACES_AT_ONCE // (line * shape.stride[0])))
    places = _places(shape, parts(height, tiles))
    results = whole(places + (kernel_width - 1) * shape.dilation[1], ROW)
    reach = whole(results + (kernel_height - 1) * shape.dilation[0] * line, ROW)
    rows = tiles * reach // ROW
    held = min(SUMS_AT_ONCE, int(sums * reach)) + padded_values(shape) // shape.groups
    return {
        "padded": padded_values(shape),
        "added_rows": rows * shape.kernels,
        "box_rows": rows * shape.kernels * box,
        "sum_rows": rows * sums,
        "far_sums": rows * sums * far_share(held),
        "template_rows": tiles * results // ROW * sums * shape.kernel_area,
        "filters_begun": tiles * shape.out_channels,
        "stored_lines": shape.out_channels * height,
        "result_rows": tiles * results // ROW * shape.out_channels * kernel_width,
        "far": rows * shape.kernels * far_share(padded_values(shape) // shape.groups),
    }


def _line(shape: ConvShape) -> int:
    """Places from a line of the padded image to the next; neighbours share their padding."""
    return shape.input_size[1] + max(shape.pads[1])


def _places(shape: ConvShape, lines: int) -> int:
    """From the first place of so many output lines to their last one."""
    return _line(shape) * shape.stride[0] * (lines - 1) + shape.stride[1] * (shape.output_size[1] - 1) + 1


def _distinct(kinds: int, draws: int) -> float:
    """Expected distinct kinds among draws with equal chances: K * (1 - (1 - 1/K)^draws)."""
    return kinds * (1 - (1 - 1 / kinds) ** draws)
