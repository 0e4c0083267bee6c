"""The complete front of two figures of a network: no design of the space is better, and that is proven.

Storage, flash, work, traffic and proxies are sums over layers, so their front is that of a multiple-choice knapsack
with two objectives: a dynamic program with dominance, layer by layer (`searches.merging`). What is no plain sum is
handled beside it:

- A limit on SRAM, a maximum over steps, is a limit on each layer's own peak: candidates above it are left out.
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

from searches.bounds import _least_sum
from searches.candidates import COSTS, EXACT_FLOAT, Candidates
from searches.errors import InfeasibleError, SearchError
from searches.evaluation import FIGURES
from searches.merging import lower_front, merge_layer

__all__ = ["ExactFront", "exact_front"]

MOST_POINTS = 2_000_000
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
    """The efficient candidates of a layer under two figures: indices into its table, x ascending and y descending."""

    index: np.ndarray
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, eq=False)
class _Problem:
    """Two columns of the tables, the candidates allowed, and the greatest sums allowed."""

    candidates: Candidates
    columns: tuple[str, str]
    allowed: tuple[np.ndarray, ...]
    limits: tuple[float, float]

    @property
    def parts(self) -> frozenset[str]:
        """Keys of the shared parts that one of the sums counts."""
        return frozenset(self.candidates.shared_bits if STORED.keys() & set(self.columns) else ())

    def once(self, stored: frozenset[str]) -> tuple[float, float]:
        """What these parts add to both sums."""
        bits = [self.candidates.shared_bits[key] for key in stored]
        x, y = (
            float(sum(-(-value // STORED[column]) for value in bits)) if column in STORED else 0.0
            for column in self.columns
        )
        return x, y

    def choices(self, stored: frozenset[str]) -> tuple[_Choices, ...]:
        """What each layer chooses from where only these parts are stored."""
        return tuple(self._of_layer(layer, stored) for layer in range(len(self.allowed)))

    def _of_layer(self, layer: int, stored: frozenset[str]) -> _Choices:
        table, index, parts = self.candidates.layers[layer], self.allowed[layer], self.parts
        index = index[[table.shared[one] & parts <= stored for one in index]]
        x, y = (table.columns[column][index].astype(np.float64) for column in self.columns)
        keep = lower_front(x, y)
        return _Choices(index[keep], x[keep], y[keep])


def exact_front(
    candidates: Candidates,
    objectives: tuple[str, str],
    caps: Mapping[str, float] | None = None,
    most_points: int = MOST_POINTS,
) -> ExactFront:
    """The complete front of two additive figures, both to be small.

    Args:
        candidates: the tables of the space. objectives: two of `searches.evaluation.FIGURES` or of the proxies, but not
            ``sram_bytes``.
        caps: greatest values allowed, of the objectives and of ``sram_bytes``. A cap on a further sum is a third
            objective: see `searches.programs`.
        most_points: of a front on the way, a limit on memory.

    Raises:
        InfeasibleError: no design meets the caps; the message says the least value of each.
        SearchError: an objective or a cap is none of those, sums cannot be exact, or there are more points than
            allowed.
    """
    caps = dict(caps or {})
    _check_names(candidates, objectives, caps)
    problem = _problem(candidates, objectives, caps)
    points = _over_branches(problem, most_points)
    if not len(points.x):
        raise _infeasible(problem, objectives, caps)
    figures = {}
    for name, values in zip(objectives, (points.x, points.y), strict=True):
        whole = -(-values // 8) if name == "storage_bytes" else values
        figures[name] = whole.astype(np.float64 if name in candidates.proxies else np.int64)
    keep = lower_front(*figures.values())
    return ExactFront({name: values[keep] for name, values in figures.items()}, points.designs[keep])


def _check_names(candidates: Candidates, objectives: tuple[str, str], caps: Mapping[str, float]) -> None:
    additive = [name for name in (*FIGURES, *candidates.proxies) if name != "sram_bytes"]
    if len(set(objectives)) != 2 or not set(objectives) <= set(additive):
        raise SearchError("objectives are two sums over layers", ", ".join(objectives), f"of {', '.join(additive)}")
    if strange := [name for name in caps if name not in (*objectives, "sram_bytes")]:
        rule = "a complete front has caps on its objectives and on sram_bytes"
        raise SearchError(rule, ", ".join(strange), "make it an objective, or ask for a front within a factor")
    if max(len(table.schemes) for table in candidates.layers) > MOST_CANDIDATES:
        raise SearchError(f"a layer has at most {MOST_CANDIDATES:,} candidates", "more", "offer fewer")
    for name, cap in caps.items():
        if math.isnan(cap):
            raise SearchError("a cap is a number", f"{name} <= {cap}", "give one, or leave the cap out")


def _problem(candidates: Candidates, objectives: tuple[str, str], caps: Mapping[str, float]) -> _Problem:
    """The problem in the columns of the tables, storage in bits.

    Raises:
        SearchError: sums are not exact in float64.
    """
    first, second = ("storage_bits" if name == "storage_bytes" else name for name in objectives)
    for column in (first, second):
        parts = [table.columns[column] for table in candidates.layers]
        greatest = sum(float(np.abs(part).max()) for part in parts)
        step = 0 if column in COSTS else np.frexp(greatest)[1] - 53
        scaled = [np.ldexp(part.astype(np.float64), -step) for part in parts]
        if greatest >= np.ldexp(float(EXACT_FLOAT), step) or any((part != np.rint(part)).any() for part in scaled):
            remedy = "build the tables with candidate_tables, or use a larger unit"
            raise SearchError(f"sums of {column} are exact in float64", "sums that are not", remedy)
    room = caps.get("sram_bytes", math.inf)
    fits = candidates.idle_bytes <= room
    allowed = tuple(np.flatnonzero(fits & (table.columns["sram_bytes"] <= room)) for table in candidates.layers)
    x, y = (caps.get(name, math.inf) * (8 if name == "storage_bytes" else 1) for name in objectives)
    return _Problem(candidates, (first, second), allowed, (x, y))


def _over_branches(problem: _Problem, most_points: int) -> _Points:
    """The front over all sets of stored parts."""
    front = _Points(np.empty(0), np.empty(0), np.empty((0, len(problem.allowed)), np.int16))
    branches = [(frozenset[str](), problem.parts)]
    while branches:
        stored, undecided = branches.pop()
        choices, once = problem.choices(stored | undecided), problem.once(stored)
        if not all(len(own.x) for own in choices) or not _may_better(front, _hull(choices, once), problem.limits):
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


def _hull(choices: Sequence[_Choices], once: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The lower left convex hull of all sums: the layers' hull edges, steepest first."""
    starts = [np.array(once)]
    edges = []
    for own in choices:
        corners: list[tuple[float, float]] = []
        for x, y in zip(own.x.tolist(), own.y.tolist(), strict=True):
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


def _may_better(front: _Points, hull: tuple[np.ndarray, np.ndarray], limits: tuple[float, float]) -> bool:
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


def _sums(choices: Sequence[_Choices], once: tuple[float, float], limits: tuple[float, float], most: int) -> _Points:
    """The front of all sums of one choice a layer and of ``once``; layers of small range first, as fronts stay small.

    Raises:
        SearchError: a front on the way has more than ``most`` points.
    """
    order = sorted(range(len(choices)), key=lambda layer: (np.ptp(choices[layer].x), layer))
    rest = [sum(own.x[0] for own in choices), sum(own.y[-1] for own in choices)]
    x, y = (np.array([value]) for value in once)
    trail = []
    for layer in order:
        own = choices[layer]
        rest = [rest[0] - own.x[0], rest[1] - own.y[-1]]
        x, y, source, taken = merge_layer(x, y, own.x, own.y, limits[0] - rest[0], limits[1] - rest[1], most)
        if len(x) > most:
            remedy = "lower the caps, use a larger unit, or ask for a front within a factor"
            raise SearchError(f"a front has at most {most:,} points", "more on the way", remedy)
        if not len(x):
            break
        trail.append((layer, source, own.index[taken].astype(np.int16)))
    designs = np.zeros((len(x), len(choices)), np.int16)
    place = np.arange(len(x))
    for layer, source, taken in reversed(trail if len(x) else []):
        designs[:, layer] = taken[place]
        place = source[place]
    return _Points(x, y, designs)


def _infeasible(problem: _Problem, objectives: tuple[str, str], caps: Mapping[str, float]) -> InfeasibleError:
    """The error that says the least value of every capped figure: of SRAM alone, of a sum under the cap on SRAM."""
    tables = problem.candidates.layers
    peak = max(problem.candidates.idle_bytes, *(int(table.columns["sram_bytes"].min()) for table in tables))
    if peak > caps.get("sram_bytes", math.inf):
        least: dict[str, float] = {"sram_bytes": peak}
    else:
        least = {name: _least(problem, column) for name, column in zip(objectives, problem.columns, strict=True)}
        least = {name: -(-value // 8) if name == "storage_bytes" else value for name, value in least.items()}
    known = [f"{name} <= {caps[name]:,}, the least is {value:,}" for name, value in least.items() if name in caps]
    return InfeasibleError("a design meets all caps", " | ".join(known), "raise a cap, or add smaller schemes")


def _least(problem: _Problem, column: str) -> float:
    """The least sum of a column over the designs allowed."""
    tables = problem.candidates.layers
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
    return _least_sum(groups, {key: -(-bits[key] // STORED[column]) for key in bits})
