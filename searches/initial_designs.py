"""Initial designs, measured before sampling: every layer alike, each scheme at several levels between its least and its
most.

Without them a sampler starts from mixtures, which in many dimensions all look alike and none of which is extreme.
Uniform quantization at every width of the space is among them, so no front is worse than it.
"""

import itertools
from collections.abc import Iterator, Sequence

from searches.design import Design
from searches.space import ACTIVATIONS, LayerSpace, Space, Value

__all__ = ["initial_design_levels"]

SHARES = tuple(step / 6 for step in (6, 0, 3, 4, 2, 5, 1))
"""Places on every axis, from its least value (0) to its greatest (1)."""


def initial_design_levels(space: Space) -> Iterator[dict[str, Value]]:
    """Values of every search parameter, each design once.

    For each level and each scheme of the space, every layer takes the scheme at that level; a layer that cannot takes
    its first scheme instead. Widths of dense weights that no level meets follow. Where widths of activations are
    searched, these have the greatest; then each other width follows with the most of the first scheme.
    """
    schemes = dict.fromkeys(name for layer in space.layers for name in layer.grid)
    seen: set[Design] = set()
    widest, *narrower = sorted(space.activation_bits, reverse=True) or [0]
    places = [*itertools.product(SHARES, schemes), *((share, "dense") for share in _width_shares(space))]
    starts = [(*place, widest) for place in places] + [(1.0, next(iter(schemes)), bits) for bits in narrower]
    for share, scheme, bits in starts:
        levels: dict[str, Value] = {
            f"{layer.name}.{axis}": value
            for layer in space.layers
            for axis, value in _levels(layer, scheme, share).items()
        }
        levels |= {ACTIVATIONS: bits} if space.activation_bits else {}
        design = space.design(levels)
        if design not in seen:
            seen.add(design)
            yield levels


def _width_shares(space: Space) -> list[float]:
    """The places of all widths of dense weights."""
    dense = [layer.own_axes("dense") for layer in space.layers if "dense" in layer.grid]
    widths = max((len(axes.get("bits", ())) for axes in dense), default=0)
    return [step / (widths - 1) for step in range(widths)] if widths > 1 else []


def _levels(layer: LayerSpace, scheme: str, share: float) -> dict[str, Value]:
    """The layer's axes at one level; the axes that the scheme reads are spread over the scheme's own values."""
    taken = scheme if scheme in layer.grid else next(iter(layer.grid))
    levels = {axis: _at(values, share) for axis, values in layer.axes.items()}
    own = {axis: _at(values, share) for axis, values in layer.own_axes(taken).items() if axis in levels}
    return {**levels, **own, "scheme": taken}


def _at(values: Sequence[Value], share: float) -> Value:
    return values[round(share * (len(values) - 1))]
