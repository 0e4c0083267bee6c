"""Linear representation: each kernel is a times its template plus, with an offset, b times all ones.

Quantized coefficients have one scale for all a and one for all b. The scale of a requantizes the output; what stands
under b is brought into its unit by the ratio of both scales: b itself where filters are reconstructed, box sums where
these are shared. Where the scale of a is zero there is no such ratio, and the templates have no share in the output:
they are read as zeros, and the unit is that of b, with the same operations.
"""

from typing import Any

from costmodels.kernels.loops.layer_run import LayerRun, value_at
from costmodels.schemes.base import ACCUMULATOR_BITS, FLOAT_BITS

__all__ = ["add_then_convolve", "convolve_then_add", "direct"]


def direct(run: LayerRun) -> None:
    """Each filter is reconstructed once, in 32 bits, and convolved."""
    shape, scheme, counter = run.shape, run.scheme, run.counter
    templates, index, a, b = _read(run)
    unit, ratio = _scales(run)
    reconstructed = counter.hold(shape.group_inputs, shape.kernel_area)
    for group in range(shape.groups):
        for i in run.filters(group):
            for j in range(shape.group_inputs):
                offset = counter.scale(b[i][j], ratio) if scheme.offset else 0
                for element, value in enumerate(templates[index[i][j]]):
                    reconstructed[j][element] = a[i][j] * value
                    counter.multiply(scheme.coefficient_bits, scheme.template_bits)
                    if scheme.offset:
                        reconstructed[j][element] += offset
                        counter.add(ACCUMULATOR_BITS)
            for row, column, window in run.positions():
                total = run.dot(run.channels(group), reconstructed, window, FLOAT_BITS)
                run.output[i][row][column] = counter.requantize(total, unit)


def convolve_then_add(run: LayerRun) -> None:
    """Channel by channel and an output row at a time: the maps of the templates that some kernel of the channel uses,
    and the box sum once; then every kernel adds its share to the sums of its filter."""
    shape, scheme, counter = run.shape, run.scheme, run.counter
    templates, index, a, b = _read(run)
    unit, ratio = _scales(run)
    width = shape.output_size[1]
    maps = counter.hold(min(scheme.templates, shape.group_outputs), width)
    box = counter.hold(width) if scheme.offset else []
    sums = counter.hold(shape.group_outputs, width)
    for group in range(shape.groups):
        filters = run.filters(group)
        for row, windows in enumerate(run.windows):
            for j, channel in enumerate(run.channels(group)):
                used = sorted({index[i][j] for i in filters if a[i][j] != 0})
                for column, window in enumerate(windows):
                    for slot, template in enumerate(used):
                        maps[slot][column] = run.dot([channel], [templates[template]], window, scheme.template_bits)
                    if scheme.offset:
                        box[column] = counter.scale(_box(run, channel, window, counter.activation_bits), ratio)
                for place, i in enumerate(filters):
                    for column in range(width):
                        before = 0 if j == 0 else sums[place][column]
                        value = maps[used.index(index[i][j])][column] if a[i][j] != 0 else 0
                        sums[place][column] = before + a[i][j] * value
                        counter.accumulate(scheme.coefficient_bits, ACCUMULATOR_BITS)
                        if scheme.offset:
                            sums[place][column] += b[i][j] * box[column]
                            counter.accumulate(scheme.coefficient_bits, ACCUMULATOR_BITS)
            for place, i in enumerate(filters):
                run.output[i][row] = [counter.requantize(total, unit) for total in sums[place]]


def add_then_convolve(run: LayerRun) -> None:
    """Filter by filter: the input channels of each template added up under their a, and all of them under their b; then
    each sum is convolved once, the latter with all ones."""
    shape, scheme, counter = run.shape, run.scheme, run.counter
    templates, index, a, b = _read(run)
    unit, ratio = _scales(run)
    sums = counter.hold(min(scheme.templates, shape.group_inputs), *shape.input_size)
    box = counter.hold(*shape.input_size) if scheme.offset else []
    for group in range(shape.groups):
        for i in run.filters(group):
            members = sorted(set(index[i]))
            _clear(sums)
            _clear([box])
            for j, channel in enumerate(run.channels(group)):
                _add_channel(run, sums[members.index(index[i][j])], channel, a[i][j])
                if scheme.offset:
                    _add_channel(run, box, channel, b[i][j])
            used = sorted({template for template, factor in zip(index[i], a[i], strict=True) if factor != 0})
            for row, column, window in run.positions():
                total: Any = 0
                for template in used:
                    summed = sums[members.index(template)]
                    total = run.dot(
                        [summed], [templates[template]], window, scheme.template_bits, ACCUMULATOR_BITS, total
                    )
                if scheme.offset:
                    total += counter.scale(_box(run, box, window, ACCUMULATOR_BITS), ratio)
                    counter.add(ACCUMULATOR_BITS)
                run.output[i][row][column] = counter.requantize(total, unit)


def _read(run: LayerRun) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Templates (K, d^2), their index (n, c/g), a and b (n, c/g); no b without an offset."""
    templates = run.rows("templates", run.scheme.templates, run.shape.kernel_area)
    if run.scales and run.scales[0] == 0:
        templates = [[0] * len(template) for template in templates]
    index, a = run.arrays["index"].tolist(), run.arrays["a"].tolist()
    return templates, index, a, run.arrays["b"].tolist() if run.scheme.offset else []


def _scales(run: LayerRun) -> tuple[float | None, float | None]:
    """The unit of the output, and what brings b into it; none where nothing is to be multiplied."""
    if len(run.scales) < 2:
        return next(iter(run.scales), None), None
    a, b = run.scales
    return (a, b / a) if a != 0 else (b, 1.0)


def _box(run: LayerRun, channel: list[list[Any]], window: list[Any], bits: int) -> Any:
    """The sum of a window of values of so many bits; the first value is taken as it is."""
    total = value_at(channel, window[0])
    for place in window[1:]:
        total += value_at(channel, place)
        run.counter.add(bits)
    return total


def _add_channel(run: LayerRun, summed: list[list[Any]], channel: list[list[Any]], factor: Any) -> None:
    for y, values in enumerate(channel):
        for x, value in enumerate(values):
            summed[y][x] += factor * value
            run.counter.accumulate(run.scheme.coefficient_bits, run.counter.activation_bits)


def _clear(maps: list[list[list[Any]]]) -> None:
    for rows in maps:
        for row in rows:
            row[:] = [0] * len(row)
