"""The work of running filters over an image: register tiles of bit planes, or matrix products."""

from dataclasses import dataclass

from costmodels.latency.paths import KernelPath
from costmodels.latency.pieces import copied_values, far_share, padded_values, parts, whole, window_values
from costmodels.shapes import ConvShape

__all__ = ["PRODUCT_COLUMNS", "Bank", "planes_work", "product_work"]

LANES, ROWS = 8, 4
PRODUCT_ROWS, PRODUCT_COLUMNS = 4, 8


@dataclass(frozen=True)
class Bank:
    """The filters that are run: ``parts`` groups or segments of all groups, ``filters`` of each, over ``channels``."""

    parts: int
    filters: int
    channels: int


def planes_work(shape: ConvShape, bank: Bank, blocks: list[int], bits: int, weight_bits: int) -> dict[str, float]:
    """Bit planes: ``weight_bits`` filters of signs for each, and from 3 bits on one of ones; tiles whole."""
    signs = bank.filters * weight_bits + (1 if weight_bits > 2 else 0)
    words = parts(bank.channels, 64) * shape.kernel_area
    rows = bank.parts * sum(parts(size, ROWS) for size in blocks)
    tiles = rows * parts(signs, LANES)
    sums = bank.filters * (weight_bits + (1 if weight_bits > 2 else 0)) if weight_bits > 1 else 0
    return {
        "calls": len(blocks),
        "packed_lines": shape.in_channels * bits,
        "packed_bits": shape.input_elements * bits,
        "packed_words": bank.parts * parts(bank.channels, 64) * bits * padded_values(shape) // shape.in_channels,
        "tile_rows": rows,
        "gathered_words": rows * ROWS * words * bits,
        "tiles": tiles,
        "tile_planes": tiles * bits,
        "tile_words": tiles * bits * words,
        "combined": bank.parts * sums * shape.positions,
    }


def product_work(
    shape: ConvShape, bank: Bank, blocks: list[int], path: KernelPath, activation_bits: int
) -> dict[str, float]:
    """Matrix products (filters x row) by (row x positions), of words of 32 bits."""
    row, words = bank.channels * shape.kernel_area, path.product_words
    products = bank.parts * len(blocks)
    is_vector = shape.positions == 1 or bank.filters == 1
    columns = sum(whole(size, PRODUCT_COLUMNS // words) for size in blocks)
    macs = bank.parts * row * whole(bank.filters, PRODUCT_ROWS) * columns
    weights = words * bank.parts * row * bank.filters
    return {
        "calls": len(blocks),
        "repeated": weights * len(blocks) if bank.parts > shape.groups else 0,
        "far_weights": weights * len(blocks) * far_share(weights),
        "padded": words * copied_values(shape, activation_bits, words),
        "windows": words * window_values(shape),
        "products": 0 if is_vector else products,
        "vector_products": products if is_vector else 0,
        "product_macs": 0 if is_vector else words * macs,
        "vector_macs": words * bank.parts * row * bank.filters * shape.positions if is_vector else 0,
        "columns": 0 if is_vector else words * shape.in_channels * shape.kernel_area * shape.positions,
        "panels": 0 if is_vector else words * products * row * bank.filters,
    }
