"""Pruned weights: every weight kept times the value it meets, at every output position."""

from costmodels.kernels.loops.layer_run import LayerRun, value_at
from costmodels.kernels.loops.sparse_rows import sparse_rows

__all__ = ["direct"]


def direct(run: LayerRun) -> None:
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
                run.output[i][row][column] = counter.requantize(total, run.output_scale(i))
