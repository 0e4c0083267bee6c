"""The next design: where the expected gain in hypervolume is largest."""

import numpy as np

from searches.guided.history import History
from searches.guided.measured_front import efficient
from searches.guided.pool import crossings, one_change_variants, weighted_front
from searches.guided.problem_tables import ProblemTables
from searches.guided.scoring import Learned, by_expected_gain, learn
from searches.guided.sensitivities import choice_degradations, prior

__all__ = ["propose"]

START = 10
"""Designs from the front of the proxies before anything is learned."""

EXACT_POINTS, POINTS = 50_000, 600
"""Points of a front kept on the way: at the start, and for each sample of the sensitivities."""

SAMPLES = 3
VARIANTS, CROSSINGS = 6000, 1000
TRIES = 10_000


def propose(tables: ProblemTables, history: History, generator: np.random.Generator) -> tuple[int, ...]:
    """A design that the history does not hold.

    Of several that are asked for with the same history, ``undecided_before`` of them before this one, each gets
    another.

    Args:
        tables: the variables.
        history: of the study.
        generator: of all random choices.
    """
    begun = len(history.taken) + history.undecided_before
    if tables.measured is not None and (begun < START or not np.isfinite(history.losses).all(axis=1).any()):
        return _from_start(tables, history, generator, begun)
    return _by_gain(tables, history, generator)


def _from_start(tables: ProblemTables, history: History, generator: np.random.Generator, begun: int) -> tuple[int, ...]:
    """From the front of the proxies, all variables weighing alike: at equal ratios of cost, its high-cost end last."""
    front = weighted_front(tables, choice_degradations(prior(tables).theta, tables), generator, EXACT_POINTS)
    front = front[tables.fits(front)] if len(front) else front
    if not len(front):
        return _any(tables, history, generator)
    costs = [name for name in (*tables.objectives, *tables.caps) if name is not None and name in tables.sums]
    places = np.argsort(tables.figure(costs[0], front) if costs else np.arange(len(front)), kind="stable")
    cost = tables.figure(costs[0], front)[places] if costs else np.arange(1.0, len(front) + 1)
    shares = np.append(_spread(START - 1), 1.0)
    least = max(cost[0], 1e-9 * cost[-1]) or 1.0
    wanted = least * (max(cost[-1], least) / least) ** shares[begun % START]
    for place in np.argsort(np.abs(cost - wanted), kind="stable"):
        design = tuple(int(index) for index in front[places[place]])
        if design not in history.taken:
            return design
    return _any(tables, history, generator)


def _spread(count: int) -> np.ndarray:
    """Places between the ends of a range, in an order that covers it soon: the base-2 van der Corput sequence."""
    shares = []
    for index in range(1, count + 1):
        share, base = 0.0, 0.5
        while index:
            share, index, base = share + base * (index & 1), index >> 1, base / 2
        shares.append(share)
    return np.array(shares)


def _by_gain(tables: ProblemTables, history: History, generator: np.random.Generator) -> tuple[int, ...]:
    """The design of largest expected gain, those pending taken to turn out as predicted."""
    learned = learn(tables, history)
    designs = _pool(tables, history, learned, generator)
    pending, taken = list(history.pending), set(history.taken)
    for _ in range(history.undecided_before):
        passed = _first_free(_ranked(tables, history, learned, designs, pending), taken)
        if passed is None:
            break
        pending.append(passed)
        taken.add(passed)
    best = _first_free(_ranked(tables, history, learned, designs, pending), taken)
    return best if best is not None else _any(tables, history, generator)


def _ranked(
    tables: ProblemTables, history: History, learned: Learned, designs: np.ndarray, pending: list[tuple[int, ...]]
) -> np.ndarray:
    """The designs by expected gain; where all objectives are known, first the end of the front in each of them."""
    ranked = by_expected_gain(tables, history, learned, designs, pending)
    begun = len(history.designs) + len(pending)
    if tables.measured is not None or begun >= len(tables.objectives):
        return ranked
    own = tables.figure(tables.known_objectives[begun], ranked)
    return np.asarray(ranked[np.argsort(own, kind="stable")])


def _first_free(designs: np.ndarray, taken: set[tuple[int, ...]]) -> tuple[int, ...] | None:
    """The first design that is not taken; None if all are."""
    rows = (tuple(int(index) for index in row) for row in designs)
    return next((row for row in rows if row not in taken), None)


def _pool(tables: ProblemTables, history: History, learned: Learned, generator: np.random.Generator) -> np.ndarray:
    """Fronts under the model and under samples of it, variants of the measured front: designs within the caps."""
    if tables.measured is not None:
        thetas = [learned.model.theta, *(learned.model.sampled(generator) for _ in range(SAMPLES))]
        heights = [choice_degradations(theta, tables) for theta in thetas]
    else:
        heights = [*_each_sum(tables), *(_weighted_sums(tables, generator) for _ in range(SAMPLES + 1))]
    found = [weighted_front(tables, height, generator, POINTS) for height in heights]
    best = history.designs[efficient(history)]
    if len(best):
        found += [
            one_change_variants(tables, best, heights[0], VARIANTS),
            crossings(tables, best, generator, CROSSINGS),
        ]
    designs = np.concatenate(found)
    return np.asarray(designs[tables.fits(designs)])


def _each_sum(tables: ProblemTables) -> list[list[np.ndarray]]:
    """Where nothing is measured: each objective that is a sum, alone, in the place of the degradation."""
    names = [name for name in tables.known_objectives if name in tables.sums]
    return [[np.asarray(variable.sums[name], dtype=np.float64) for variable in tables.variables] for name in names]


def _weighted_sums(tables: ProblemTables, generator: np.random.Generator) -> list[np.ndarray]:
    """Where nothing is measured: objectives that are sums, weighted at random, in the place of the degradation."""
    names = [name for name in tables.known_objectives if name in tables.sums]
    if not names:
        return [np.zeros(len(variable.choices)) for variable in tables.variables]
    weights = generator.dirichlet(np.full(len(names), 0.5)) / [max(tables.greatest(name), 1e-300) for name in names]
    return [
        np.asarray(sum(weight * np.asarray(variable.sums[name]) for weight, name in zip(weights, names, strict=True)))
        for variable in tables.variables
    ]


def _any(tables: ProblemTables, history: History, generator: np.random.Generator) -> tuple[int, ...]:
    """A design by chance, within the caps and not taken if there is one: looked for among all designs of a small space,
    and among many of a large one."""
    if tables.size <= TRIES:
        rows = np.stack(np.unravel_index(generator.permutation(int(tables.size)), tables.counts), axis=1)
    else:
        rows = generator.integers(tables.counts, size=(TRIES, len(tables.counts)))
    fitting = rows[tables.fits(rows)]
    for row in fitting:
        design = tuple(int(index) for index in row)
        if design not in history.taken:
            return design
    return tuple(int(index) for index in (fitting if len(fitting) else rows)[0])
