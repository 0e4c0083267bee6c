"""Dense weights: every weight times the value it meets, at every output position."""

from costmodels.kernels.loops.layer_run import LayerRun

__all__ = ["direct"]


def direct(run: LayerRun) -> None:
    """Dense weights; the scale of a filter or the layer requantizes its output."""
    shape, bits = run.shape, run.scheme.weight_bits
    weights = run.rows("weights", shape.out_channels, shape.group_inputs, shape.kernel_area)
    for group in range(shape.groups):
        for i in run.filters(group):
            for row, column, window in run.positions():
                total = run.dot(run.channels(group), weights[i], window, bits)
                run.output[i][row][column] = run.counter.requantize(total, run.output_scale(i))
