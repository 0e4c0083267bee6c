"""Vector-quantized weights: each vector of a filter is a codeword, or the sum of one of each of two codebooks.

The scale of the first codebook requantizes the output; what stands under that of the second is brought into its unit by
the ratio of both: codewords where filters are reconstructed, sums where maps are shared. Where the first scale is zero
there is no such ratio, and its codewords have no share in the output: they are read as zeros, and the unit is that of
the second, with the same operations.
"""

from typing import Any

from costmodels.kernels.loops.layer_run import LayerRun
from costmodels.schemes.base import ACCUMULATOR_BITS, FLOAT_BITS

__all__ = ["direct", "shared_maps"]


def direct(run: LayerRun) -> None:
    """One codebook: its codewords are read as they are needed. Two: each filter is reconstructed once, in 32 bits."""
    shape, scheme, counter = run.shape, run.scheme, run.counter
    (unit, ratio), books, index = _scales(run), _books(run), run.arrays["index"].tolist()
    size, is_sum = scheme.channels(shape), scheme.codebooks == 2
    reconstructed = counter.hold(shape.group_inputs, shape.kernel_area) if is_sum else []
    for group in range(shape.groups):
        channels = run.channels(group)
        for i in run.filters(group):
            if is_sum:
                _rebuild(run, books, [chosen[i] for chosen in index], ratio, reconstructed)
            for row, column, window in run.positions():
                total: Any = 0
                if is_sum:
                    total = run.dot(channels, reconstructed, window, FLOAT_BITS)
                else:
                    for j, word in enumerate(index[0][i]):
                        segment = channels[j * size : (j + 1) * size]
                        total = run.dot(segment, books[0][word], window, scheme.value_bits, total=total)
                run.output[i][row][column] = counter.requantize(total, unit)


def shared_maps(run: LayerRun) -> None:
    """Segment by segment and an output row at a time: the maps of the codewords that some filter of the group takes
    there; then every filter adds those that it takes to its sum, one for each codebook that has a unit of its own."""
    shape, scheme, counter = run.shape, run.scheme, run.counter
    (unit, ratio), books, index = _scales(run), _books(run), run.arrays["index"].tolist()
    size, width = scheme.channels(shape), shape.output_size[1]
    maps = counter.hold(scheme.codebooks * min(scheme.codewords, shape.group_outputs), width)
    sums = counter.hold(1 if ratio is None else 2, shape.group_outputs, width)
    for group in range(shape.groups):
        filters, channels = run.filters(group), run.channels(group)
        for row, windows in enumerate(run.windows):
            for j in range(len(index[0][0])):
                segment = channels[j * size : (j + 1) * size]
                words = sorted({(m, chosen[i][j]) for m, chosen in enumerate(index) for i in filters})
                for slot, (m, word) in enumerate(words):
                    for column, window in enumerate(windows):
                        maps[slot][column] = run.dot(segment, books[m][word], window, scheme.value_bits)
                for m, chosen in enumerate(index):
                    own, is_begun = (sums[0], j + m > 0) if ratio is None else (sums[m], j > 0)
                    for place, i in enumerate(filters):
                        taken = maps[words.index((m, chosen[i][j]))]
                        for column in range(width):
                            own[place][column] = _merged(run, is_begun, own[place][column], taken[column])
            for place, i in enumerate(filters):
                for column in range(width):
                    total = sums[0][place][column]
                    if ratio is not None:
                        total += counter.scale(sums[1][place][column], ratio)
                        counter.add(ACCUMULATOR_BITS)
                    run.output[i][row][column] = counter.requantize(total, unit)


def _merged(run: LayerRun, is_begun: bool, total: Any, value: Any) -> Any:
    """The sum so far and the next map's value; the first is taken as it is."""
    if not is_begun:
        return value
    run.counter.add(ACCUMULATOR_BITS)
    return total + value


def _rebuild(
    run: LayerRun, books: list[Any], chosen: list[list[int]], ratio: float | None, reconstructed: list[Any]
) -> None:
    """A filter: for each weight the value of the second codeword, scaled, added to that of the first."""
    counter, size = run.counter, run.scheme.channels(run.shape)
    for j, (first, second) in enumerate(zip(*chosen, strict=True)):
        for channel in range(size):
            for element in range(run.shape.kernel_area):
                more = books[1][second][channel][element]
                if ratio is not None:
                    more *= ratio
                    counter.multiply(FLOAT_BITS, run.scheme.value_bits)
                reconstructed[j * size + channel][element] = books[0][first][channel][element] + more
                counter.add(ACCUMULATOR_BITS)


def _books(run: LayerRun) -> list[Any]:
    """(M, K, channels, kernel elements); zeros in place of a first codebook of scale zero, where there are two."""
    scheme = run.scheme
    size = scheme.codebooks, scheme.codewords, scheme.channels(run.shape), run.shape.kernel_area
    books = run.rows("codebook", *size)
    if len(run.scales) == 2 and run.scales[0] == 0:
        books[0] = (run.arrays["codebook"][:1].reshape(size[1:]) * 0).tolist()
    return books


def _scales(run: LayerRun) -> tuple[float | None, float | None]:
    """The unit of the output, and what brings the second codebook into it; none where nothing is to be multiplied."""
    if len(run.scales) < 2:
        return next(iter(run.scales), None), None
    first, second = run.scales
    return (first, second / first) if first != 0 else (second, 1.0)
