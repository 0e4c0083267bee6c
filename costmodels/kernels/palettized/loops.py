"""Palettized weights: each filter is looked up once, and convolved."""

from costmodels.kernels.loops.layer_run import LayerRun

__all__ = ["direct"]


def direct(run: LayerRun) -> None:
    """A filter of the palette's own width is held; the scale of a filter or the layer requantizes its output."""
    shape, scheme, counter = run.shape, run.scheme, run.counter
    palettes, which = run.arrays["palette"].tolist(), scheme.palette_of(shape).tolist()
    index = run.rows("index", shape.out_channels, shape.group_inputs, shape.kernel_area)
    reconstructed = counter.hold(shape.group_inputs, shape.kernel_area, bits=scheme.value_bits)
    for group in range(shape.groups):
        for i in run.filters(group):
            for channel, ranks in enumerate(index[i]):
                for element, rank in enumerate(ranks):
                    reconstructed[channel][element] = palettes[which[i]][rank]
            for row, column, window in run.positions():
                total = run.dot(run.channels(group), reconstructed, window, scheme.value_bits)
                run.output[i][row][column] = counter.requantize(total, run.output_scale(i))
