"""Ternary weights: what is not zero adds or subtracts the value that it meets, at every output position."""

from costmodels.kernels.loops.layer_run import LayerRun, value_at

__all__ = ["direct"]


def direct(run: LayerRun) -> None:
    """Zeros take no operation; the scale of a filter or the layer requantizes its output."""
    shape, counter = run.shape, run.counter
    weights = run.rows("weights", shape.out_channels, shape.group_inputs, shape.kernel_area)
    for group in range(shape.groups):
        channels = run.channels(group)
        for i in run.filters(group):
            signs = [
                (channel, element, weight)
                for channel, kernel in zip(channels, weights[i], strict=True)
                for element, weight in enumerate(kernel)
                if weight != 0
            ]
            for row, column, window in run.positions():
                total = 0
                for channel, element, weight in signs:
                    value = value_at(channel, window[element])
                    total = total + value if weight > 0 else total - value
                    counter.accumulate(1, counter.activation_bits)
                run.output[i][row][column] = counter.requantize(total, run.output_scale(i))
