"""N:M sparse weights: every weight kept times the value it meets, at every output position."""

from typing import Any

from costmodels.kernels.loops.layer_run import LayerRun, value_at

__all__ = ["direct"]


def direct(run: LayerRun) -> None:
    """The weights kept of each group of channels, at each element of the kernel, zero codes among them."""
    shape, bits, counter = run.shape, run.scheme.weight_bits, run.counter
    filters = kept_weights(run)
    for group in range(shape.groups):
        channels = run.channels(group)
        for i in run.filters(group):
            for row, column, window in run.positions():
                total = 0
                for channel, element, weight in filters[i]:
                    total += weight * value_at(channels[channel], window[element])
                    counter.accumulate(bits, counter.activation_bits)
                run.output[i][row][column] = counter.requantize(total, run.output_scale(i))


def kept_weights(run: LayerRun) -> list[list[tuple[int, int, Any]]]:
    """(channel, element, weight) of the weights kept, filter by filter.

    The rank of a group is taken apart from its greatest place on: the k-th place is the greatest p with C(p, k) within
    what is left of the rank.
    """
    shape, scheme = run.shape, run.scheme
    groups = shape.group_inputs // scheme.group
    ranks = run.rows("index", shape.out_channels, shape.kernel_area, groups)
    weights = run.rows("weights", shape.out_channels, shape.kernel_area, groups, scheme.kept)
    return [
        [
            (first * scheme.group + place, element, weight)
            for element in range(shape.kernel_area)
            for first in range(groups)
            for place, weight in zip(
                _places(ranks[i][element][first], scheme.kept, scheme.group), weights[i][element][first], strict=True
            )
        ]
        for i in range(shape.out_channels)
    ]


def _places(rank: int, kept: int, group: int) -> list[int]:
    """The places of a rank, ascending."""
    places: list[int] = []
    for k in range(kept, 0, -1):
        place = max(p for p in range(group) if _choose(p, k) <= rank)
        rank -= _choose(place, k)
        places.insert(0, place)
    return places


def _choose(total: int, kept: int) -> int:
    """C(total, kept), by Pascal's rule."""
    if kept == 0:
        return 1
    return 0 if total == 0 else _choose(total - 1, kept - 1) + _choose(total - 1, kept)
