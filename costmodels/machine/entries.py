"""The work of adding up maps or windows: sparse entries in passes of four, and selected maps."""

from costmodels.machine.filters import PRODUCT_COLUMNS
from costmodels.machine.limits import ENTRIES_AT_ONCE
from costmodels.machine.paths import KernelPath
from costmodels.machine.pieces import copied_values, far_share, spans, whole, window_values
from costmodels.shapes import ConvShape

__all__ = ["entries_work", "merging_work", "rows_work"]


def merging_work(lines: int, blocks: list[int], path: KernelPath) -> dict[str, float]:
    """Selected maps added up, ``lines`` of them over all outputs."""
    return {"merge_lines": lines * len(blocks), "merged": lines * sum(blocks) * path.sum_words}


def entries_work(
    form: str, entries: int, outputs: int, blocks: list[int], words: int = 1, maps: int = 0
) -> dict[str, float]:
    """Sparse entries read once for each block and added to their ``outputs`` lines four at a time.

    The last pass of a line is ragged: on average 3/8 of a pass more than the entries fill.

    Args:
        form: of storage: ``dense``, ``bitmap`` or ``index``.
        entries: that are read; with ``dense`` storage every place.
        outputs: lines.
        blocks: of their places.
        words: of a sum.
        maps: lines that the entries are taken from, where these are read again and again.
    """
    passes = entries / ENTRIES_AT_ONCE + outputs * (ENTRIES_AT_ONCE - 1) / (2 * ENTRIES_AT_ONCE)
    mixed = words * passes * sum(whole(size, PRODUCT_COLUMNS) for size in blocks)
    return {
        f"{form}_entries": entries * len(blocks),
        "mix_lines": passes * len(blocks),
        "mixed": mixed,
        "far": mixed * far_share(words * maps * max(blocks)),
    }


def rows_work(shape: ConvShape, form: str, entries: int, activation_bits: int, path: KernelPath) -> dict[str, float]:
    """Sparse rows over columns of windows.

    Args:
        shape: the layer.
        form: of storage: ``bitmap`` or ``index``.
        entries: weights that are stored.
        activation_bits: of a value of the image.
        path: the machine code.
    """
    row = shape.group_inputs * shape.kernel_area
    blocks = spans(shape.positions, shape.in_channels * shape.kernel_area)
    in_parts = shape.in_channels * shape.positions if blocks[1:] else 0  # of 1x1 windows, which lie as they are else
    return {
        "calls": len(blocks),
        "padded": path.sum_words * copied_values(shape, activation_bits, path.sum_words),
        "windows": path.sum_words * (window_values(shape) or in_parts),
        **entries_work(form, entries, shape.out_channels, blocks, path.sum_words, row),
    }
