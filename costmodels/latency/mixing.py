"""The work of adding up maps or windows: sparse entries in passes of four, and selected maps."""

from costmodels.latency.filters import PRODUCT_COLUMNS
from costmodels.latency.paths import KernelPath
from costmodels.latency.pieces import copied_values, far_share, spans, whole, window_values
from costmodels.schemes import LayerUsage, Pruned, Scheme, SparseBasis
from costmodels.shapes import ConvShape

__all__ = ["mixing_work", "pruned_work", "sparse_work"]

MIXED_AT_ONCE = 4


def mixing_work(
    shape: ConvShape, scheme: Scheme, path: KernelPath, blocks: list[int], usage: LayerUsage
) -> dict[str, float]:
    """Maps added up, as the coefficients or the selection say."""
    if isinstance(scheme, SparseBasis):
        maps = shape.in_channels // scheme.segment_channels * scheme.filters // shape.groups
        return sparse_work(shape, scheme, shape.out_channels, blocks, usage, path.sum_words, maps)
    lines = shape.out_channels * (shape.group_inputs // getattr(scheme, "segment_channels"))
    return {"merge_lines": lines * len(blocks), "merged": lines * shape.positions * path.sum_words}


def sparse_work(
    shape: ConvShape,
    scheme: SparseBasis | Pruned,
    outputs: int,
    blocks: list[int],
    usage: LayerUsage,
    words: int = 1,
    maps: int = 0,
) -> dict[str, float]:
    """Entries read once for each block and added to their ``outputs`` lines four at a time.

    The last pass of a line is ragged: on average 3/8 of a pass more than the entries fill.
    """
    entries = scheme.nonzeros(shape, usage)
    if scheme.coefficients == "dense":
        assert isinstance(scheme, SparseBasis)  # noqa: S101
        entries = shape.out_channels * (shape.group_inputs // scheme.segment_channels) * scheme.filters
    passes = entries / MIXED_AT_ONCE + outputs * (MIXED_AT_ONCE - 1) / (2 * MIXED_AT_ONCE)
    mixed = words * passes * sum(whole(size, PRODUCT_COLUMNS) for size in blocks)
    return {
        f"{scheme.coefficients}_entries": entries * len(blocks),
        "mix_lines": passes * len(blocks),
        "mixed": mixed,
        "far": mixed * far_share(words * maps * max(blocks)),
    }


def pruned_work(
    shape: ConvShape, scheme: Pruned, activation_bits: int, path: KernelPath, usage: LayerUsage
) -> dict[str, float]:
    """Sparse rows over columns of windows."""
    row = shape.group_inputs * shape.kernel_area
    blocks = spans(shape.positions, shape.in_channels * shape.kernel_area)
    in_parts = shape.in_channels * shape.positions if blocks[1:] else 0  # of 1x1 windows, which lie as they are else
    return {
        "calls": len(blocks),
        "padded": path.sum_words * copied_values(shape, activation_bits, path.sum_words),
        "windows": path.sum_words * (window_values(shape) or in_parts),
        **sparse_work(shape, scheme, shape.out_channels, blocks, usage, path.sum_words, row),
    }
