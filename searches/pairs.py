"""The front of two figures under every cap that there is: complete where that can be had, else that of fewer caps.

A cap on a figure that is neither an objective nor SRAM makes a complete front slow (see `searches.exact`), and often
does not bind: where every design of the front without it keeps it, that front is the one with it. Otherwise the front
without it is still a bound: leaving a cap out can only add designs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from searches.candidates import Candidates
from searches.errors import InfeasibleError, SearchError
from searches.exact import ExactFront, exact_front
from searches.figures import SRAM, TABULATED_FIGURES
from searches.tabulated import tabulated_figures

__all__ = ["PairFront", "pair_front"]

MOST_CAPPED = 20_000
"""Partial designs under a cap on a further sum, before it is left out."""


@dataclass(frozen=True, eq=False)
class PairFront:
    """What no design of the space betters.

    Args:
        front: the pairs of values, with a design for each.
        left_out: caps that a design of the front exceeds, for the front is that without them. Where there are any the
            front is a bound; without, every point is reached within all caps.
    """

    front: ExactFront
    left_out: tuple[str, ...] = ()


def pair_front(candidates: Candidates, objectives: tuple[str, str], caps: Mapping[str, float]) -> PairFront:
    """The front of two figures under caps, or a bound on it.

    Args:
        candidates: the tables of the space.
        objectives: two of `searches.figures.TABULATED_FIGURES` or of the proxies.
        caps: greatest values allowed. One on a figure that the tables do not give is left out.

    Raises:
        InfeasibleError: no design meets the caps.
        SearchError: as `searches.exact.exact_front`.
    """
    known = {name: cap for name, cap in caps.items() if name in (*TABULATED_FIGURES, *candidates.proxies)}
    unknown = tuple(name for name in caps if name not in known)
    own = {name: cap for name, cap in known.items() if name in (*objectives, SRAM)}
    front = exact_front(candidates, objectives, own)
    broken = _broken(candidates, front, known)
    if not broken:
        return PairFront(front, unknown)
    try:
        return PairFront(exact_front(candidates, objectives, known, MOST_CAPPED), unknown)
    except InfeasibleError:
        raise
    except SearchError:  # too many partial designs
        return PairFront(front, (*broken, *unknown))


def _broken(candidates: Candidates, front: ExactFront, caps: Mapping[str, float]) -> tuple[str, ...]:
    """The caps that a design of the front exceeds."""
    figures = tabulated_figures(candidates, np.asarray(front.designs), tuple(caps))
    return tuple(name for name, cap in caps.items() if (figures[name] > cap).any())
