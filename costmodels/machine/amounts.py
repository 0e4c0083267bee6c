"""The amounts of work that a kernel's time is made of (`costmodels.latency.model`).

An amount is never negative and has one meaning for all kernels. Ragged ends are counted whole where the kernels compute
them whole.
"""

from collections.abc import Mapping

__all__ = ["AMOUNTS"]

AMOUNTS: Mapping[str, str] = {
    "calls": "entries into the kernel: blocks of output positions",
    "packed_lines": "channels times bit planes packed",
    "packed_bits": "activations times bit planes packed",
    "packed_words": "words of packed planes, padding included",
    "tile_rows": "groups of 4 positions begun, for each part of the channels",
    "gathered_words": "words of windows put side by side",
    "tiles": "register tiles of 8 filters by 4 positions",
    "tile_planes": "such tiles times bit planes",
    "tile_words": "words of 8 filters against those of 4 positions",
    "combined": "sums of bit planes of weights added up",
    "padded": "values of the image padded or converted",
    "windows": "values of windows copied into columns",
    "products": "matrix products called",
    "vector_products": "those of one row or one column",
    "product_macs": "multiply-accumulates of matrix products, tiles of 8 by 4 counted whole",
    "vector_macs": "multiply-accumulates of products with one row or one column",
    "columns": "values of columns that matrix products arrange",
    "panels": "weights that each matrix product arranges",
    "decoded": "codes read from their stream as floats",
    "coded": "codes decoded from an entropy-coded stream, one after the other",
    "reconstructed": "weights put in place, or converted, for each image",
    "repeated": "weights of a bank copied for each segment",
    "dense_entries": "coefficients read from their stream",
    "bitmap_entries": "values found by their bitmap",
    "index_entries": "values read with their positions",
    "mix_lines": "passes of four entries over a line of maps",
    "mixed": "values of such passes",
    "far": "values of maps that are read from beyond 1 MiB",
    "far_sums": "rows of sums held beyond 1 MiB",
    "far_weights": "float weights made or read beyond 1 MiB",
    "far_written": "output values written beyond 1 MiB",
    "merge_lines": "maps added to a line of output",
    "merged": "values of such maps",
    "map_rows": "rows of 64 places of template maps",
    "map_tiles": "register tiles of up to 4 such rows, or of 4 filters under their b",
    "filters_begun": "filters begun, for each tile of output lines",
    "stored_lines": "pieces of output lines stored",
    "template_rows": "such rows under one window element of a template",
    "added_rows": "such rows added under their a, or under their b in convolve-then-add",
    "box_rows": "such rows added under their b in add-then-convolve, which filters share",
    "sum_rows": "such rows of sums begun",
    "result_rows": "such rows of a filter's results, for each column of a kernel",
    "scaled": "sums multiplied by the scale of their filter",
    "written": "output values",
}
"""Every amount and what one of it is."""
