"""Entropy-coded weights: each filter is decoded once, and convolved."""

from costmodels.kernels.loops.layer_run import LayerRun

__all__ = ["direct"]


def direct(run: LayerRun) -> None:
    """A filter of a byte a weight is held; the scale of a filter or the layer requantizes its output."""
    shape, bits, counter = run.shape, run.scheme.weight_bits, run.counter
    stream = iter(run.arrays["weights"].reshape(-1).tolist())  # in the order in which the codes are stored
    decoded = counter.hold(shape.group_inputs, shape.kernel_area, bits=8)
    for group in range(shape.groups):
        for i in run.filters(group):
            for kernel in decoded:
                for element in range(len(kernel)):
                    kernel[element] = next(stream)
                    counter.decode()
            for row, column, window in run.positions():
                total = run.dot(run.channels(group), decoded, window, bits)
                run.output[i][row][column] = counter.requantize(total, run.output_scale(i))
