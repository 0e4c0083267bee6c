"""The work of running filters over an image: register tiles of bit planes, or matrix products."""

from collections.abc import Mapping
from dataclasses import dataclass

from costmodels.machine.limits import LANES, ROWS
from costmodels.machine.paths import PLANES, KernelPath
from costmodels.machine.pieces import copied_values, far_share, padded_values, parts, spans, whole, window_values
from costmodels.shapes import ConvShape

__all__ = ["PRODUCT_COLUMNS", "Bank", "bank_blocks", "bank_work", "planes_work", "product_work"]

PRODUCT_ROWS, PRODUCT_COLUMNS = 4, 8


@dataclass(frozen=True)
class Bank:
    """The filters that are run.

    Args:
        parts: groups, or segments of all groups.
        filters: of each.
        channels: of the input that each of them reads.
    """

    parts: int
    filters: int
    channels: int

    @classmethod
    def of_outputs(cls, shape: ConvShape) -> "Bank":
        """A filter for every output."""
        return cls(shape.groups, shape.group_outputs, shape.group_inputs)


def bank_blocks(shape: ConvShape, bank: Bank, path: KernelPath) -> list[int]:
    """The blocks of output positions whose maps or windows stay near the core."""
    row = shape.in_channels * shape.kernel_area
    return spans(shape.positions, max(bank.parts * bank.filters, 0 if path.arithmetic == PLANES else row))


def bank_work(
    shape: ConvShape,
    bank: Bank,
    blocks: list[int],
    path: KernelPath,
    activation_bits: int,
    weight_bits: int,
    weights: Mapping[str, float],
) -> dict[str, float]:
    """Filters over the input: bit planes where the path takes them, else products.

    Args:
        shape: the layer.
        bank: its filters.
        blocks: of output positions, `bank_blocks`.
        path: the machine code.
        activation_bits: of a value of the image.
        weight_bits: of a filter's.
        weights: the work of making the filters of a product from their streams or codes, once for each image.
    """
    if path.arithmetic == PLANES:
        return planes_work(shape, bank, blocks, activation_bits, weight_bits)
    return product_work(shape, bank, blocks, path, activation_bits) | dict(weights)


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
        "packed_bits": shape.in_channels * shape.input_size[0] * shape.input_size[1] * bits,
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
