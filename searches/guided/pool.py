"""Designs worth a look: the front of predicted degradation and cost, and variants of the best that are measured.

The degradation of a design is a sum over its variables, as `searches.guided.sensitivities` predicts it. The front is
that of `searches.knapsack`, variable after variable. Where it grows beyond ``most`` points it is thinned evenly, which
makes it inexact; up to there it is exact but for the rounding of the weights' products.
"""

import math
from collections.abc import Sequence

import numpy as np

from searches.dominance import lower_front
from searches.guided.problem_tables import ProblemTables
from searches.knapsack import merge_layer

__all__ = ["crossings", "one_change_variants", "weighted_front"]

MOST_MERGED = 10**8


def weighted_front(
    tables: ProblemTables, degradations: Sequence[np.ndarray], generator: np.random.Generator, most: int
) -> np.ndarray:
    """Designs of least degradation at every cost, within the caps.

    With several costs (known objectives and capped sums) their weights are drawn at random; limits on peaks are drawn
    up to their caps where the peak is an objective.

    Args:
        tables: the variables.
        degradations: of each variable's choices, shape (choices,).
        generator: of the weights.
        most: points kept on the way.

    Returns:
        Indices of choices, shape (designs, variables).
    """
    first = tables.variables[0]
    concerned = [name for name in dict.fromkeys((*tables.objectives, *tables.caps)) if name is not None]
    sums = [name for name in concerned if name in first.sums]
    limits = {name: _peak_limit(tables, name, generator) for name in concerned if name in first.peaks}
    weights = generator.dirichlet(np.full(len(sums), 0.5)) if len(sums) > 1 else np.ones(len(sums))
    scales = [weight / max(tables.greatest(name), 1e-300) for name, weight in zip(sums, weights, strict=True)]
    costs, kept, allowed = [], [], []
    for variable, degradation in zip(tables.variables, degradations, strict=True):
        fitting = np.ones(len(variable.choices), dtype=bool)
        for name, limit in limits.items():
            fitting &= np.asarray(variable.peaks[name]) <= limit
        cost = sum(
            (scale * np.asarray(variable.sums[name]) for scale, name in zip(scales, sums, strict=True)),
            0.0 * degradation,
        )
        index = np.flatnonzero(fitting) if fitting.any() else np.arange(len(fitting))
        index = index[lower_front(cost[index], degradation[index])]
        allowed.append(index)
        costs.append(np.ascontiguousarray(cost[index]))
        kept.append(np.ascontiguousarray(degradation[index]))
    limit = sum(scale * tables.caps.get(name, math.inf) for scale, name in zip(scales, sums, strict=True)) or math.inf
    designs = _front_of_sums(costs, kept, limit * (1 + 1e-12), most)
    return np.stack([index[designs[:, place]] for place, index in enumerate(allowed)], axis=1)


def _peak_limit(tables: ProblemTables, name: str, generator: np.random.Generator) -> float:
    """The cap of a peak; where it is an objective, a value that some choice has between the least design's and it."""
    cap = tables.greatest(name)
    if name not in tables.objectives:
        return cap
    columns = [np.asarray(variable.peaks[name], dtype=np.float64) for variable in tables.variables]
    least = max(column.min() for column in columns)
    values = np.unique(np.concatenate(columns))
    values = values[(values >= least) & (values <= cap)]
    return float(generator.choice(values)) if len(values) else cap


def _front_of_sums(
    costs: Sequence[np.ndarray], degradations: Sequence[np.ndarray], limit: float, most: int
) -> np.ndarray:
    """The front of the sums up to a limit on cost, by places in the given arrays; variables of small range first."""
    order = sorted(range(len(costs)), key=lambda variable: (np.ptp(costs[variable]), variable))
    rest = sum(float(cost.min()) for cost in costs)
    x, y, trail = np.zeros(1), np.zeros(1), []
    for variable in order:
        rest -= float(costs[variable].min())
        own = costs[variable], degradations[variable]
        x, y, source, taken = merge_layer(x, y, *own, limit - rest, np.inf, MOST_MERGED)
        if len(x) > most:
            keep = np.unique(np.linspace(0, len(x) - 1, most).round().astype(np.int64))
            x, y, source, taken = x[keep], y[keep], source[keep], taken[keep]
        trail.append((variable, source, taken))
        if not len(x):
            return np.empty((0, len(costs)), np.int64)
    designs, place = np.empty((len(x), len(costs)), np.int64), np.arange(len(x))
    for variable, source, taken in reversed(trail):
        designs[:, variable] = taken[place]
        place = source[place]
    return designs


def one_change_variants(
    tables: ProblemTables, designs: np.ndarray, degradations: Sequence[np.ndarray], most: int
) -> np.ndarray:
    """The designs with one variable changed to a choice that is efficient in its degradation and some cost.

    Args:
        tables: the variables.
        designs: indices of choices, shape (designs, variables).
        degradations: of each variable's choices, shape (choices,).
        most: of more variants than that every n-th.
    """
    found = []
    for place, (variable, degradation) in enumerate(zip(tables.variables, degradations, strict=True)):
        columns = [np.asarray(values, dtype=np.float64) for values in variable.sums.values()]
        columns = columns or [np.zeros(len(degradation))]
        choices = np.unique(np.concatenate([lower_front(column, degradation) for column in columns]))
        variants = np.repeat(designs, len(choices), axis=0)
        variants[:, place] = np.tile(choices, len(designs))
        found.append(variants)
    every = np.concatenate(found)
    return every[:: max(1, len(every) // most)]


def crossings(tables: ProblemTables, designs: np.ndarray, generator: np.random.Generator, count: int) -> np.ndarray:
    """Crossings of two of the designs: each variable is from either, and on average one variable is drawn at random.

    Args:
        tables: the variables.
        designs: indices of choices, shape (designs, variables).
        generator: of all choices.
        count: how many.
    """
    variables = len(tables.variables)
    parents = designs[generator.integers(len(designs), size=(2, count))]
    children = np.where(generator.random((count, variables)) < 0.5, *parents)
    mutated = generator.random((count, variables)) < 1 / variables
    return np.where(mutated, generator.integers(tables.counts, size=(count, variables)), children)
