"""Dense weights: every weight times the value it meets, at every output position."""

from costmodels.kernels.loops.layer_run import LayerRun
from costmodels.schemes.base import ACCUMULATOR_BITS

__all__ = ["direct"]


def direct(run: LayerRun) -> None:
    """Dense weights; the scale of a filter or the layer requantizes its output. Where there are zero points, the sum of
    a group's inputs under a window is computed once, and taken off each output so many times."""
    shape, scheme, counter = run.shape, run.scheme, run.counter
    weights = run.rows("weights", shape.out_channels, shape.group_inputs, shape.kernel_area)
    zeros = run.arrays["zeros"].tolist() if "zeros" in run.arrays else []
    ones = [[1] * shape.kernel_area] * shape.group_inputs
    for group in range(shape.groups):
        channels = run.channels(group)
        for row, column, window in run.positions():
            inputs = run.dot(channels, ones, window, 1) if zeros else 0
            for i in run.filters(group):
                total = run.dot(channels, weights[i], window, scheme.weight_bits)
                if zeros:
                    total -= zeros[i % len(zeros)] * inputs
                    counter.accumulate(scheme.zero_width, ACCUMULATOR_BITS)
                run.output[i][row][column] = counter.requantize(total, run.output_scale(i))
