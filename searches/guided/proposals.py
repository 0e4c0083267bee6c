"""The next design: where the expected gain in hypervolume is largest."""

import numpy as np

from searches.guided.history import History
from searches.guided.pool import changed, mixed, weighed_front
from searches.guided.problem_tables import ProblemTables
from searches.guided.scoring import Learned, efficient, learn, scored
from searches.guided.sensitivities import errors_of, prior

__all__ = ["propose"]

START = 10
"""Designs from the front of the proxy before anything is learned."""

EXACT_POINTS, POINTS = 50_000, 600
"""Points of a front kept on the way: at the start, and for each sample of the sensitivities."""

SAMPLES = 3
VARIANTS, CROSSINGS = 6000, 1000
TRIES = 10_000


def propose(tables: ProblemTables, history: History, generator: np.random.Generator) -> tuple[int, ...]:
    """A design that the history does not hold.

    Of several that are asked for with the same history, ``open_before`` of them before this one, each gets another.
    """
    begun = len(history.taken) + history.open_before
    if None in tables.objectives and (begun < START or not np.isfinite(history.losses).all(axis=1).any()):
        return _from_start(tables, history, generator, begun)
    return _by_gain(tables, history, generator)


def _from_start(tables: ProblemTables, history: History, generator: np.random.Generator, begun: int) -> tuple[int, ...]:
    """From the front of the proxies, all variables weighing alike: at equal ratios of cost, its high-cost end last."""
    front = weighed_front(tables, errors_of(prior(tables).theta, tables), generator, EXACT_POINTS)
    front = front[tables.fits(front)] if len(front) else front
    if not len(front):
        return _any(tables, history, generator)
    sums = tables.variables[0].sums
    costs = [name for name in (*tables.objectives, *tables.caps) if name is not None and name in sums]
    places = np.argsort(tables.of(costs[0], front) if costs else np.arange(len(front)), kind="stable")
    cost = tables.of(costs[0], front)[places] if costs else np.arange(1.0, len(front) + 1)
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
    for _ in range(history.open_before):
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
    ranked = scored(tables, history, learned, designs, pending)
    begun = len(history.designs) + len(pending)
    if None in tables.objectives or begun >= len(tables.objectives):
        return ranked
    return ranked[np.argsort(tables.of(str(tables.objectives[begun]), ranked), kind="stable")]


def _first_free(designs: np.ndarray, taken: set[tuple[int, ...]]) -> tuple[int, ...] | None:
    """The first design that is not taken; None if all are."""
    rows = (tuple(int(index) for index in row) for row in designs)
    return next((row for row in rows if row not in taken), None)


def _pool(tables: ProblemTables, history: History, learned: Learned, generator: np.random.Generator) -> np.ndarray:
    """Fronts under the model and under samples of it, variants of the measured front: designs within the caps."""
    if None in tables.objectives:
        thetas = [learned.model.theta, *(learned.model.sampled(generator) for _ in range(SAMPLES))]
        harms = [errors_of(theta, tables) for theta in thetas]
    else:
        harms = [*_own_harms(tables), *(_known_harms(tables, generator) for _ in range(SAMPLES + 1))]
    found = [weighed_front(tables, harm, generator, POINTS) for harm in harms]
    best = history.designs[efficient(history)]
    if len(best):
        found += [changed(tables, best, harms[0], VARIANTS), mixed(tables, best, generator, CROSSINGS)]
    designs = np.concatenate(found)
    return designs[tables.fits(designs)]


def _own_harms(tables: ProblemTables) -> list[list[np.ndarray]]:
    """Where nothing is measured: each objective that is a sum, alone, in the place of the harm."""
    sums = [str(name) for name in tables.objectives if name in tables.variables[0].sums]
    return [[np.asarray(variable.sums[name], dtype=np.float64) for variable in tables.variables] for name in sums]


def _known_harms(tables: ProblemTables, generator: np.random.Generator) -> list[np.ndarray]:
    """Where nothing is measured: the known objectives, weighed at random, stand in for the harm."""
    sums = [name for name in tables.objectives if name in tables.variables[0].sums]
    if not sums:
        return [np.zeros(len(variable.choices)) for variable in tables.variables]
    weights = generator.dirichlet(np.full(len(sums), 0.5)) / [max(tables.greatest(str(name)), 1e-300) for name in sums]
    return [
        np.asarray(
            sum(weight * np.asarray(variable.sums[str(name)]) for weight, name in zip(weights, sums, strict=True))
        )
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
