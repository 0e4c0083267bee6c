"""Dense and pruned weights: every stored weight times the value it meets, at every output position."""

from costmodels.kernels.naive.run import LayerRun, value_at
from costmodels.kernels.naive.sparse import sparse_rows

__all__ = ["direct", "pruned"]


def direct(run: LayerRun) -> None:
    """Dense weights; the scale of a filter or the layer requantizes its output."""
    shape, bits = run.shape, run.scheme.weight_bits
    weights = run.rows("weights", shape.out_channels, shape.group_inputs, shape.kernel_area)
    for group in range(shape.groups):
        for i in run.filters(group):
            for row, column, window in run.positions():
                total = run.dot(run.channels(group), weights[i], window, bits)
                run.output[i][row][column] = run.counter.requantize(total, _scale(run, i))


def pruned(run: LayerRun) -> None:
    """The weights kept, read with their places: place p in a filter is element p % d^2 of channel p // d^2."""
    shape, bits, counter = run.shape, run.scheme.weight_bits, run.counter
    weights = sparse_rows(run.arrays, "weights")
    for group in range(shape.groups):
        channels = run.channels(group)
        for i in run.filters(group):
            for row, column, window in run.positions():
                total = 0
                for place, weight in weights[i]:
                    channel, element = divmod(place, shape.kernel_area)
                    total += weight * value_at(channels[channel], window[element])
                    counter.accumulate(bits, counter.activation_bits)
                run.output[i][row][column] = counter.requantize(total, _scale(run, i))


def _scale(run: LayerRun, filter_index: int) -> float | None:
    """Of the filter, of the layer, or none."""
    if not run.scales:
        return None
    return run.scales[filter_index if len(run.scales) > 1 else 0]
