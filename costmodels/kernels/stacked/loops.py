"""Stacked filters: each filter of the layer is a choice of one low-dimensional filter for every segment."""

from typing import Any

from costmodels.kernels.loops.layer_run import LayerRun
from costmodels.schemes.base import ACCUMULATOR_BITS

__all__ = ["direct", "shared_maps"]


def direct(run: LayerRun) -> None:
    """Filters are read from the bank as they are needed; with a scale for each segment its sum is kept apart."""
    size, bits = run.scheme.segment_channels, run.scheme.filter_bits
    bank, selection = _bank(run), run.arrays["selection"].tolist()
    for group in range(run.shape.groups):
        channels = run.channels(group)
        for i in run.filters(group):
            for row, column, window in run.positions():
                total: Any = 0
                for j, choice in enumerate(selection[i]):
                    segment, kernels = channels[j * size : (j + 1) * size], bank[group][choice]
                    if run.scheme.scale != "segment":
                        total = run.dot(segment, kernels, window, bits, total=total)
                    else:
                        total = _merged(run, total, i, j, run.dot(segment, kernels, window, bits))
                run.output[i][row][column] = _filter_scaled(run, i, total)


def shared_maps(run: LayerRun) -> None:
    """The maps of the (segment, filter) pairs that are selected in a group, an output row at a time, then merged."""
    shape, size, filters = run.shape, run.scheme.segment_channels, run.scheme.filters
    bank, selection = _bank(run), run.arrays["selection"].tolist()
    maps = run.counter.hold(len(selection[0]) * filters, shape.output_size[1])
    for group in range(shape.groups):
        channels = run.channels(group)
        pairs = sorted({pair for i in run.filters(group) for pair in enumerate(selection[i])})
        for row, windows in enumerate(run.windows):
            for column, window in enumerate(windows):
                for j, choice in pairs:
                    segment = channels[j * size : (j + 1) * size]
                    value = run.dot(segment, bank[group][choice], window, run.scheme.filter_bits)
                    maps[j * filters + choice][column] = value
                for i in run.filters(group):
                    total: Any = 0
                    for j, choice in enumerate(selection[i]):
                        total = _merged(run, total, i, j, maps[j * filters + choice][column])
                    run.output[i][row][column] = _filter_scaled(run, i, total)


def _bank(run: LayerRun) -> list[Any]:
    scheme = run.scheme
    return run.rows("bank", run.shape.groups, scheme.filters, scheme.segment_channels, run.shape.kernel_area)


def _merged(run: LayerRun, total: Any, filter_index: int, segment: int, value: Any) -> Any:
    """The sum of the segments so far and the next one's value, scaled; the first is taken as it is."""
    if run.scheme.scale == "segment":
        value = run.counter.scale(value, run.scales[filter_index][segment])
    if segment == 0:
        return value
    run.counter.add(ACCUMULATOR_BITS)
    return total + value


def _filter_scaled(run: LayerRun, filter_index: int, total: Any) -> Any:
    return run.counter.scale(total, run.scales[filter_index]) if run.scheme.scale == "filter" else total
