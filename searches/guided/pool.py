"""Designs worth a look: the front of additive harm and cost for given weights, and variants of the best measured.

The front is that of `searches.merging`, part after part. Where it grows beyond ``most`` points on the way it is thinned
evenly, which makes it inexact; up to there it is exact but for the rounding of the weights' products.
"""

import math
from collections.abc import Sequence

import numpy as np

from searches.guided.guide import Guide
from searches.merging import lower_front, merge_layer

__all__ = ["changed", "mixed", "weighed_front"]

MOST_MERGED = 10**8


def weighed_front(guide: Guide, harms: Sequence[np.ndarray], generator: np.random.Generator, most: int) -> np.ndarray:
    """Designs of least harm at every cost, within the caps: indices of options, shape (designs, parts).

    With several costs (known objectives and capped sums) they are weighed at random; limits on peaks are drawn up to
    their caps where the peak is an objective.

    Args:
        guide: the parts.
        harms: of each part's options.
        generator: of the weights.
        most: points kept on the way.
    """
    first = guide.parts[0]
    concerned = [name for name in dict.fromkeys((*guide.objectives, *guide.caps)) if name is not None]
    sums = [name for name in concerned if name in first.sums]
    limits = {name: _peak_limit(guide, name, generator) for name in concerned if name in first.peaks}
    weights = generator.dirichlet(np.full(len(sums), 0.5)) if len(sums) > 1 else np.ones(len(sums))
    scales = [weight / max(guide.greatest(name), 1e-300) for name, weight in zip(sums, weights, strict=True)]
    costs, kept, allowed = [], [], []
    for part, harm in zip(guide.parts, harms, strict=True):
        fitting = np.ones(len(part.options), dtype=bool)
        for name, limit in limits.items():
            fitting &= np.asarray(part.peaks[name]) <= limit
        cost = sum((scale * np.asarray(part.sums[name]) for scale, name in zip(scales, sums, strict=True)), 0.0 * harm)
        index = np.flatnonzero(fitting) if fitting.any() else np.arange(len(fitting))
        index = index[lower_front(cost[index], harm[index])]
        allowed.append(index)
        costs.append(np.ascontiguousarray(cost[index]))
        kept.append(np.ascontiguousarray(harm[index]))
    limit = sum(scale * guide.caps.get(name, math.inf) for scale, name in zip(scales, sums, strict=True)) or math.inf
    designs = _merged(costs, kept, limit * (1 + 1e-12), most)
    return np.stack([index[designs[:, place]] for place, index in enumerate(allowed)], axis=1)


def _peak_limit(guide: Guide, name: str, generator: np.random.Generator) -> float:
    """The cap of a peak; where it is an objective, a value that some option has between the least design's and it."""
    cap = guide.greatest(name)
    if name not in guide.objectives:
        return cap
    columns = [np.asarray(part.peaks[name], dtype=np.float64) for part in guide.parts]
    least = max(column.min() for column in columns)
    values = np.unique(np.concatenate(columns))
    values = values[(values >= least) & (values <= cap)]
    return float(generator.choice(values)) if len(values) else cap


def _merged(costs: Sequence[np.ndarray], harms: Sequence[np.ndarray], limit: float, most: int) -> np.ndarray:
    """The front of the sums up to a limit on cost, by places in the given arrays; parts of small range first."""
    order = sorted(range(len(costs)), key=lambda part: (np.ptp(costs[part]), part))
    rest = sum(float(cost.min()) for cost in costs)
    cost, harm, trail = np.zeros(1), np.zeros(1), []
    for part in order:
        rest -= float(costs[part].min())
        room = limit - rest
        cost, harm, source, taken = merge_layer(cost, harm, costs[part], harms[part], room, np.inf, MOST_MERGED)
        if len(cost) > most:
            keep = np.unique(np.linspace(0, len(cost) - 1, most).round().astype(np.int64))
            cost, harm, source, taken = cost[keep], harm[keep], source[keep], taken[keep]
        trail.append((part, source, taken))
        if not len(cost):
            return np.empty((0, len(costs)), np.int64)
    designs, place = np.empty((len(cost), len(costs)), np.int64), np.arange(len(cost))
    for part, source, taken in reversed(trail):
        designs[:, part] = taken[place]
        place = source[place]
    return designs


def changed(guide: Guide, designs: np.ndarray, harms: Sequence[np.ndarray], most: int) -> np.ndarray:
    """The designs with one part changed to an option that is efficient in some cost and its harm.

    Of more than ``most`` every n-th.
    """
    found = []
    for place, (part, harm) in enumerate(zip(guide.parts, harms, strict=True)):
        columns = [np.asarray(values, dtype=np.float64) for values in part.sums.values()] or [np.zeros(len(harm))]
        options = np.unique(np.concatenate([lower_front(column, harm) for column in columns]))
        variants = np.repeat(designs, len(options), axis=0)
        variants[:, place] = np.tile(options, len(designs))
        found.append(variants)
    every = np.concatenate(found)
    return every[:: max(1, len(every) // most)]


def mixed(guide: Guide, designs: np.ndarray, generator: np.random.Generator, count: int) -> np.ndarray:
    """Crossings of two of the designs: each part is from either, and on average one part is drawn anew."""
    parts = len(guide.parts)
    parents = designs[generator.integers(len(designs), size=(2, count))]
    children = np.where(generator.random((count, parts)) < 0.5, *parents)
    anew = generator.random((count, parts)) < 1 / parts
    return np.where(anew, generator.integers(guide.counts, size=(count, parts)), children)
