"""Sparse basis: each segment of a filter is a sparse combination of basis filters.

A scale for the whole bank requantizes the output. A scale for each basis filter cannot wait that long: it is taken into
the coefficients where filters are reconstructed, and into the maps where these are shared: multiplications that count.
"""

from typing import Any

from costmodels.kernels.loops.layer_run import LayerRun
from costmodels.kernels.loops.sparse_rows import sparse_rows
from costmodels.schemes.base import ACCUMULATOR_BITS, FLOAT_BITS

__all__ = ["direct", "shared_maps"]


def direct(run: LayerRun) -> None:
    """Each filter is reconstructed once, in 32 bits, and convolved."""
    shape, scheme, counter = run.shape, run.scheme, run.counter
    basis, coefficients = _basis(run), sparse_rows(run.arrays, "coefficients")
    segments = shape.group_inputs // scheme.segment_channels
    reconstructed = counter.hold(shape.group_inputs, shape.kernel_area)
    for group in range(shape.groups):
        for i in run.filters(group):
            for kernel in reconstructed:
                kernel[:] = [0] * len(kernel)
            for j in range(segments):
                for item, coefficient in coefficients[i * segments + j]:
                    scale = _filter_scale(run, group, item)
                    factor = counter.scale(coefficient, scale)
                    factor_bits = scheme.coefficient_bits if scale is None else FLOAT_BITS
                    for channel, kernel in enumerate(basis[group][item], j * scheme.segment_channels):
                        for element, weight in enumerate(kernel):
                            reconstructed[channel][element] += factor * weight
                            counter.accumulate(scheme.basis_bits, factor_bits)
            for row, column, window in run.positions():
                total = run.dot(run.channels(group), reconstructed, window, FLOAT_BITS)
                run.output[i][row][column] = counter.requantize(total, _bank_scale(run, group))


def shared_maps(run: LayerRun) -> None:
    """The maps of the (segment, basis filter) pairs that have a coefficient, an output row at a time, then mixed."""
    shape, scheme, counter = run.shape, run.scheme, run.counter
    basis, coefficients = _basis(run), sparse_rows(run.arrays, "coefficients")
    size, filters = scheme.segment_channels, scheme.filters
    segments = shape.group_inputs // size
    maps = counter.hold(segments * filters, shape.output_size[1])
    for group in range(shape.groups):
        channels = run.channels(group)
        slots = [(i, j) for i in run.filters(group) for j in range(segments)]
        pairs = sorted({(j, item) for i, j in slots for item, _ in coefficients[i * segments + j]})
        for row, windows in enumerate(run.windows):
            for column, window in enumerate(windows):
                for j, item in pairs:
                    value = run.dot(channels[j * size : (j + 1) * size], basis[group][item], window, scheme.basis_bits)
                    maps[j * filters + item][column] = counter.scale(value, _filter_scale(run, group, item))
                for i in run.filters(group):
                    total: Any = 0
                    for j in range(segments):
                        for item, coefficient in coefficients[i * segments + j]:
                            total += coefficient * maps[j * filters + item][column]
                            counter.accumulate(scheme.coefficient_bits, ACCUMULATOR_BITS)
                    run.output[i][row][column] = counter.requantize(total, _bank_scale(run, group))


def _basis(run: LayerRun) -> list[Any]:
    scheme = run.scheme
    return run.rows("basis", run.shape.groups, scheme.filters, scheme.segment_channels, run.shape.kernel_area)


def _bank_scale(run: LayerRun, group: int) -> float | None:
    return run.scales[group][0] if run.scales and run.scheme.basis_scale == "layer" else None


def _filter_scale(run: LayerRun, group: int, item: int) -> float | None:
    return run.scales[group][item] if run.scales and run.scheme.basis_scale == "filter" else None
