"""Rates from times: non-negative least squares of relative errors, kernel by kernel."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import nnls

from costmodels.latency import Work

__all__ = ["fit_rates"]

ROUNDS, NEAR = 4, 0.05
"""Rounds of reweighting, and the relative error from which on a case counts less."""

NOTHING = 1e-6
"""Mean share of the time up to which a rate is none."""

LEAST_CASES = 4
"""Cases that have some of an amount, below which no rate is read from them."""

PULL, LEAST_SHARE = 0.3, 0.005
"""How strongly a kernel's rate is drawn to that of all kernels of its arithmetic, in cases that are wrong by as much as
the rate; and the share of a time below which a rate's distance is not taken relative to itself."""


def fit_rates(works: Sequence[Work], seconds: np.ndarray) -> dict[str, dict[str, float]]:
    """Seconds of one by kernel and amount, zero ones left out.

    Minimises the sum of |predicted / measured - 1| over the cases of a kernel by iteratively reweighted non-negative
    least squares (Lawson & Hanson 1974 in each round), so that a few disturbed measurements do not bend the rates.
    Amounts that go together in the cases of one kernel are told apart by a mild pull towards the rates of all kernels
    of the same arithmetic, fitted in the same way.

    Args:
        works: of the cases.
        seconds: their measured times, all above 0.
    """
    families: dict[str, list[int]] = {}
    kernels: dict[str, list[int]] = {}
    for place, work in enumerate(works):
        families.setdefault(_family(work.kernel), []).append(place)
        kernels.setdefault(work.kernel, []).append(place)
    common = {name: _fit([works[place] for place in places], seconds[places], {}) for name, places in families.items()}
    return {
        kernel: _fit([works[place] for place in places], seconds[places], common[_family(kernel)])
        for kernel, places in kernels.items()
    }


def _family(kernel: str) -> str:
    """Its arithmetic."""
    return kernel.rpartition(" / ")[2]


def _fit(works: Sequence[Work], seconds: np.ndarray, common: Mapping[str, float]) -> dict[str, float]:
    """The rates of these cases, drawn to the ``common`` ones where there are any."""
    counts = Counter(name for work in works for name, amount in work.amounts.items() if amount)
    names = sorted(name for name, count in counts.items() if count >= min(LEAST_CASES, len(works)))
    relative = np.array([[work.amounts.get(name, 0) for name in names] for work in works], float) / seconds[:, None]
    sizes = relative.mean(axis=0)  # columns of like size, whatever the units: a rate is then a mean share of the time
    scaled, aims = relative / sizes, np.array([common.get(name, 0.0) for name in names]) * sizes
    pulls = np.sqrt(PULL) / np.maximum(aims, LEAST_SHARE) if common else np.zeros(len(names))
    weights = np.ones(len(works))
    for _ in range(ROUNDS):
        rows, targets = np.vstack([scaled * weights[:, None], np.diag(pulls)]), np.hstack([weights, pulls * aims])
        found, _ = nnls(rows, targets)
        weights = 1 / np.sqrt(np.maximum(np.abs(scaled @ found - 1), NEAR))
    return {name: float(share / size) for name, share, size in zip(names, found, sizes, strict=True) if share > NOTHING}
