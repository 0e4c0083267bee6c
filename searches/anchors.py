"""Designs to measure before sampling: every layer alike, once for each scheme at its least, middle and greatest level.

Without them a sampler starts from mixtures, which in many dimensions all look alike and none of which is extreme.
"""

from collections.abc import Iterator, Sequence

from searches.space import LayerSpace, Space, Value

__all__ = ["anchor_levels"]

SHARES = (0.0, 0.5, 1.0)


def anchor_levels(space: Space) -> Iterator[dict[str, Value]]:
    """Values of every search parameter, for each scheme of the space and each level; a layer that cannot take the
    scheme takes its first one at the same level."""
    schemes = dict.fromkeys(name for layer in space.layers for name in layer.grid)
    for share in reversed(SHARES):
        for scheme in schemes:
            yield {
                f"{layer.name}.{axis}": value
                for layer in space.layers
                for axis, value in _levels(layer, scheme, share).items()
            }


def _levels(layer: LayerSpace, scheme: str, share: float) -> dict[str, Value]:
    taken = scheme if scheme in layer.grid else next(iter(layer.grid))
    levels = {axis: _at(values, share) for axis, values in layer.axes.items()}
    return {**levels, "scheme": taken}


def _at(values: Sequence[Value], share: float) -> Value:
    return values[round(share * (len(values) - 1))]
