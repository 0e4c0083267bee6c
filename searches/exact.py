"""The complete front of two figures of a network: no design of the space is better, and that is proven.

Storage, flash, work, traffic and proxies are sums over layers, so the front of two of them is that of a multiple-choice
knapsack with two objectives: a dynamic program with dominance, layer by layer (`searches.knapsack`). What is no plain
sum is handled beside it:

- A cap on a further sum is a further column of the dynamic program, which then keeps what is efficient in all of them:
  exact, but only small networks have few enough partial designs for it.
- A limit on SRAM, a maximum over steps, is a limit on each layer's own peak: candidates above it are left out. A front
  of SRAM and another figure is the least of that figure under every limit.
- Parts that layers share (codebooks) are chosen by branch and bound: with a set of stored parts fixed, every layer
  chooses alone, and the parts add a constant. A branch is cut where the convex hull of its sums (the Lagrangian, that
  is the linear, relaxation of Sinha & Zoltners, Operations Research 1979) lies nowhere below the front found.

Exact means: integers are exact, and a proxy is the one in the tables, a multiple of a power of two such that sums are
exact in float64 too. Nothing is rounded while searching, and no order of layers gives another front. Of designs with
the same two figures the front names one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from searches.bounds import least_sum
from searches.candidates import COSTS, EXACT_FLOAT, Candidates, dominated
from searches.errors import InfeasibleError, SearchError
from searches.evaluation import FIGURES, evaluate
from searches.knapsack import lower_front, merge_capped, merge_layer

__all__ = ["ExactFront", "exact_front", "least_figure"]

MOST_POINTS = 2_000_000
MOST_CAPPED = 100_000
"""Partial designs under caps on further sums, where none is passed over without being formed."""

MOST_CANDIDATES = np.iinfo(np.int16).max
STORED = {"storage_bits": 1, "flash_bytes": 8}
"""Columns that count a shared part once, and the bits of their unit."""

HULL_MARGIN = 1e-9
"""A hull is cut only where it lies above the front by this share of its height: far more than it is rounded by."""


@dataclass(frozen=True, eq=False)
class ExactFront:
    """Every pair of values that no design of the space betters, with a design for each.

    Args:
        figures: the two objectives by name, each of shape (points,), the first ascending and the second descending;
            int64, or float64 for a proxy.
        designs: indices of candidates, int16 of shape (points, layers).
    """

    figures: Mapping[str, np.ndarray]
    designs: np.ndarray


@dataclass(frozen=True, eq=False)
class _Points:
    """Points of a front: two sums, and the candidates that give them."""

    x: np.ndarray
    y: np.ndarray
    designs: np.ndarray

    def taking(self, keep: np.ndarray) -> "_Points":
        """The points at these indices alone."""
        return _Points(self.x[keep], self.y[keep], self.designs[keep])


@dataclass(frozen=True, eq=False)
class _Choices:
    """The efficient candidates of a layer: indices into its table, and their values, shape (candidates, columns).

    Of two columns the first ascends and the second descends.
    """

    index: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class _Problem:
    """The columns of the objectives and of further caps, the candidates allowed, and the greatest sums allowed."""

    candidates: Candidates
    columns: tuple[str, ...]
    allowed: tuple[np.ndarray, ...]
    limits: np.ndarray

    @property
    def parts(self) -> frozenset[str]:
        """Keys of the shared parts that one of the sums counts."""
        return frozenset(self.candidates.shared_bits if STORED.keys() & set(self.columns) else ())

    def once(self, stored: frozenset[str]) -> np.ndarray:
        """What these parts add to each sum."""
        bits = [self.candidates.shared_bits[key] for key in stored]
        sums = [sum(-(-value // STORED[name]) for value in bits) if name in STORED else 0 for name in self.columns]
        return np.array(sums, dtype=np.float64)

    def choices(self, stored: frozenset[str]) -> tuple[_Choices, ...]:
        """What each layer chooses from where only these parts are stored."""
        return tuple(self._of_layer(layer, stored) for layer in range(len(self.allowed)))

    def _of_layer(self, layer: int, stored: frozenset[str]) -> _Choices:
        table, index, parts = self.candidates.layers[layer], self.allowed[layer], self.parts
        index = index[[table.shared[one] & parts <= stored for one in index]]
        values = np.stack([table.columns[column][index] for column in self.columns], axis=1).astype(np.float64)
        keep = lower_front(*values.T) if len(self.columns) == 2 else np.flatnonzero(~dominated(values))
        return _Choices(index[keep], values[keep])


def exact_front(
    candidates: Candidates,
    objectives: tuple[str, str],
    caps: Mapping[str, float] | None = None,
    most_points: int = MOST_POINTS,
) -> ExactFront:
    """The complete front of two figures, both to be small.

    Args:
        candidates: the tables of the space.
        objectives: two of `searches.evaluation.FIGURES` or of the proxies.
        caps: greatest values allowed, of any figures. Those on the objectives and on ``sram_bytes`` make it faster,
            one on a further sum much slower: `searches.milp` then has fronts within a factor.
        most_points: of a front on the way, a limit on memory; under caps on further sums 100,000 at most.

    Raises:
        InfeasibleError: no design meets the caps; the message says the least value of each.
        SearchError: an objective or a cap is no such figure, sums cannot be exact, or there are more points than
            allowed.
    """
    caps = dict(caps or {})
    _check_names(candidates, objectives, caps)
    further = tuple(name for name in caps if name not in (*objectives, "sram_bytes"))
    if "sram_bytes" in objectives:
        return _front_with_sram(candidates, objectives, further, caps, most_points)
    names = (*objectives, *further)
    problem = _problem(candidates, names, caps)
    points = _over_branches(problem, most_points)
    if not len(points.x):
        raise _infeasible(problem, names, caps)
    figures = {}
    for name, values in zip(objectives, (points.x, points.y), strict=True):
        whole = -(-values // 8) if name == "storage_bytes" else values
        figures[name] = whole.astype(np.float64 if name in candidates.proxies else np.int64)
    keep = lower_front(*figures.values())
    return ExactFront({name: values[keep] for name, values in figures.items()}, points.designs[keep])


def least_figure(candidates: Candidates, name: str, sram_limit: float = math.inf) -> float | None:
    """The least value of a sum over layers that any design within a limit on SRAM reaches; None with no such design.

    Args:
        candidates: the tables.
        name: of `searches.evaluation.FIGURES` (not ``sram_bytes``) or of the proxies.

    Raises:
        SearchError: sums cannot be exact.
    """
    problem = _problem(candidates, (name, name), {"sram_bytes": sram_limit})
    return _least(problem, name) if all(len(allowed) for allowed in problem.allowed) else None


def _front_with_sram(
    candidates: Candidates,
    objectives: tuple[str, str],
    further: tuple[str, ...],
    caps: Mapping[str, float],
    most_points: int,
) -> ExactFront:
    """The front of SRAM and another figure: the least of that one under a falling limit on SRAM.

    A limit's best design has some peak: between the peak and the limit nothing has less of the other figure, so the
    next limit is a byte below the peak.
    """
    other = objectives[1 - objectives.index("sram_bytes")]
    names, limit = (other, other, *further), caps.get("sram_bytes", math.inf)
    found = []
    while True:
        problem = _problem(candidates, names, {**caps, "sram_bytes": limit})
        points = _over_branches(problem, most_points)
        if not len(points.x):
            break
        found.append(points.designs)
        limit = evaluate(candidates, points.designs, ["sram_bytes"])["sram_bytes"].item() - 1
    if not found:
        raise _infeasible(problem, names, caps)
    designs = np.concatenate(found)
    figures = evaluate(candidates, designs, objectives)
    keep = lower_front(*figures.values())
    return ExactFront({name: values[keep] for name, values in figures.items()}, designs[keep])


def _check_names(candidates: Candidates, objectives: tuple[str, str], caps: Mapping[str, float]) -> None:
    known = (*FIGURES, *candidates.proxies)
    if len(objectives) != 2 or len(set(objectives)) != 2 or not set(objectives) <= set(known):
        raise SearchError("objectives are two known figures", ", ".join(objectives), f"choose of {', '.join(known)}")
    if strange := [name for name in caps if name not in known]:
        raise SearchError("a cap is on a known figure", strange[0], f"choose of {', '.join(known)}")
    if max(len(table.schemes) for table in candidates.layers) > MOST_CANDIDATES:
        raise SearchError(f"a layer has at most {MOST_CANDIDATES:,} candidates", "more", "offer fewer")
    for name, cap in caps.items():
        if math.isnan(cap):
            raise SearchError("a cap is a number", f"{name} <= {cap}", "give one, or leave the cap out")


def _problem(candidates: Candidates, names: Sequence[str], caps: Mapping[str, float]) -> _Problem:
    """The problem in the columns of the tables, storage in bits; caps that no design exceeds are left out.

    Raises:
        SearchError: sums are not exact in float64.
    """
    columns, limits = [], []
    for number, name in enumerate(names):
        column = "storage_bits" if name == "storage_bytes" else name
        shared = sum(candidates.shared_bits.values()) if column in STORED else 0
        greatest = shared + sum(float(np.abs(table.columns[column]).max()) for table in candidates.layers)
        step = 0 if column in COSTS else int(np.frexp(greatest)[1]) - 53
        scaled = [np.ldexp(table.columns[column].astype(np.float64), -step) for table in candidates.layers]
        if greatest >= np.ldexp(float(EXACT_FLOAT), step) or any((part != np.rint(part)).any() for part in scaled):
            remedy = "build the tables with candidate_tables, or use a larger unit"
            raise SearchError(f"sums of {column} are exact in float64", "sums that are not", remedy)
        limit = caps.get(name, math.inf) * (8 if name == "storage_bytes" else 1)
        limit = math.inf if limit >= greatest else np.ldexp(np.floor(np.ldexp(limit, -step)), step)
        if number < 2 or limit < math.inf:
            columns.append(column)
            limits.append(limit)
    room = caps.get("sram_bytes", math.inf)
    fits = candidates.idle_bytes <= room
    allowed = tuple(np.flatnonzero(fits & (table.columns["sram_bytes"] <= room)) for table in candidates.layers)
    return _Problem(candidates, tuple(columns), allowed, np.array(limits))


def _over_branches(problem: _Problem, most_points: int) -> _Points:
    """The front over all sets of stored parts."""
    front = _Points(np.empty(0), np.empty(0), np.empty((0, len(problem.allowed)), np.int16))
    branches = [(frozenset[str](), problem.parts)]
    while branches:
        stored, undecided = branches.pop()
        choices, once = problem.choices(stored | undecided), problem.once(stored)
        if not all(len(own.index) for own in choices) or not _may_better(front, _hull(choices, once), problem.limits):
            continue
        tables = problem.candidates.layers
        taken = [table.shared[i] for table, own in zip(tables, choices, strict=True) for i in own.index]
        wanted = undecided.intersection(frozenset[str]().union(*taken))
        if wanted:
            key = min(wanted)
            branches += [(stored | {key}, undecided - {key}), (stored, undecided - {key})]
            continue
        own = _sums(choices, once, problem.limits, most_points)
        both = _Points(*(np.concatenate([getattr(front, name), getattr(own, name)]) for name in ("x", "y", "designs")))
        front = both.taking(lower_front(both.x, both.y))
    return front


def _hull(choices: Sequence[_Choices], once: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower left convex hull of all sums of the objectives: the layers' hull edges, steepest first."""
    starts = [once[:2]]
    edges = []
    for own in choices:
        corners: list[tuple[float, float]] = []
        for x, y in own.values[lower_front(*own.values[:, :2].T), :2].tolist():
            while len(corners) > 1 and _turns_right(corners[-2], corners[-1], (x, y)):
                corners.pop()
            corners.append((x, y))
        starts.append(np.array(corners[0]))
        edges.append(np.diff(np.array(corners), axis=0))
    joined = np.concatenate(edges)
    joined = joined[np.argsort(joined[:, 1] / joined[:, 0], kind="stable")]
    corner = np.cumsum(np.concatenate([np.sum(starts, axis=0)[None], joined]), axis=0)
    return corner[:, 0], corner[:, 1]


def _turns_right(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    """Whether the middle point lies on or above the line between its neighbours."""
    return (middle[0] - first[0]) * (last[1] - first[1]) <= (middle[1] - first[1]) * (last[0] - first[0])


def _may_better(front: _Points, hull: tuple[np.ndarray, np.ndarray], limits: np.ndarray) -> bool:
    """Whether a hull reaches, within the limits, below the steps of a front.

    A step is the region left of a point's x and below the y of the point before it. The corners of a hull are exact,
    the values between them are rounded.
    """
    x, y = hull
    if x[0] > limits[0] or y[-1] > limits[1]:
        return False
    right, top = np.append(front.x, np.inf), np.append(np.inf, front.y)
    margin = np.where(right < x[-1], HULL_MARGIN * (np.abs(y[0]) + np.abs(y[-1])), 0)
    return bool(((np.interp(right, x, y) - margin < top) & (right > x[0])).any())


def _sums(choices: Sequence[_Choices], once: np.ndarray, limits: np.ndarray, most: int) -> _Points:
    """The front of all sums of one choice a layer and of ``once``; layers of small range first, as fronts stay small.

    Raises:
        SearchError: a front on the way has more than ``most`` points.
    """
    order = sorted(range(len(choices)), key=lambda layer: (np.ptp(choices[layer].values[:, 0]), layer))
    rest_least = sum(own.values.min(axis=0) for own in choices)
    rest_most = sum(own.values.max(axis=0) for own in choices)
    front, trail = once[None], []
    for layer in order:
        own = choices[layer]
        rest_least, rest_most = rest_least - own.values.min(axis=0), rest_most - own.values.max(axis=0)
        if len(once) == 2:
            x_limit, y_limit = limits - rest_least
            (front_x, front_y), (own_x, own_y) = (np.ascontiguousarray(part.T) for part in (front, own.values))
            *sums, source, taken = merge_layer(front_x, front_y, own_x, own_y, x_limit, y_limit, most)
            front = np.stack(sums, axis=1)
        else:
            most = min(most, MOST_CAPPED)
            slack = (limits - rest_most)[2:]
            front, source, taken = merge_capped(front, own.values, limits - rest_least, slack, most)
        if len(front) > most:
            remedy = "lower the caps, use a larger unit, or ask for a front within a factor"
            raise SearchError(f"a front has at most {most:,} points", "more on the way", remedy)
        trail.append((layer, source, own.index[taken].astype(np.int16)))
        if not len(front):
            break
    keep = lower_front(front[:, 0], front[:, 1])
    designs, place = np.zeros((len(keep), len(choices)), np.int16), keep
    for layer, source, taken in reversed(trail if len(keep) else []):
        designs[:, layer] = taken[place]
        place = source[place]
    return _Points(front[keep, 0], front[keep, 1], designs)


def _infeasible(problem: _Problem, names: Sequence[str], caps: Mapping[str, float]) -> InfeasibleError:
    """The error that says the least value of every capped figure: of SRAM alone, of a sum under the cap on SRAM."""
    tables = problem.candidates.layers
    peak = max(problem.candidates.idle_bytes, *(int(table.columns["sram_bytes"].min()) for table in tables))
    least: dict[str, float] = {"sram_bytes": peak}
    if peak <= caps.get("sram_bytes", math.inf):
        least |= {name: _least(problem, name) for name in names}
    known = [f"{name} <= {cap:,}, the least is {least[name]:,}" for name, cap in caps.items() if name in least]
    return InfeasibleError("a design meets all caps", " | ".join(known), "raise a cap, or add smaller schemes")


def _least(problem: _Problem, name: str) -> float:
    """The least sum of a figure over the designs allowed."""
    tables = problem.candidates.layers
    column = "storage_bits" if name == "storage_bytes" else name
    if column not in STORED:
        return sum(
            table.columns[column][index].min().item() for table, index in zip(tables, problem.allowed, strict=True)
        )
    groups: list[dict[frozenset[str], int]] = [{} for _ in tables]
    for table, index, group in zip(tables, problem.allowed, groups, strict=True):
        for one in index:
            value = int(table.columns[column][one])
            group[table.shared[one]] = min(group.get(table.shared[one], value), value)
    bits = problem.candidates.shared_bits
    least = least_sum(groups, {key: -(-bits[key] // STORED[column]) for key in bits})
    return -(-least // 8) if name == "storage_bytes" else least
