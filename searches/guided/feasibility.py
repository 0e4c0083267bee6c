"""The probability that a design keeps the constraints that trials reported, as far as known figures tell.

The expected gain of a design is multiplied by it, as in constrained Bayesian optimization [gardner2014bayesian].

References:
    [gardner2014bayesian] J. R. Gardner, M. J. Kusner, Z. Xu, K. Q. Weinberger & J. P. Cunningham. Bayesian optimization
        with inequality constraints. ICML 2014.
"""

import numpy as np

from searches.guided.history import History
from searches.guided.problem_tables import ProblemTables

__all__ = ["probability_feasible"]

RIDGE = 1e-6
LEAST_DEVIATION = 1e-6
"""Share of the range of violations that their standard deviation around the fit is at least."""


def probability_feasible(tables: ProblemTables, history: History, designs: np.ndarray) -> np.ndarray:
    """The probability of each design that it violates no constraint.

    A constraint that was violated once is taken as a linear function of the known figures with normal errors, fitted by
    least squares; constraints are taken as independent. Caps need no such estimate: no design above one gets here.

    Args:
        tables: the variables.
        history: what trials reported.
        designs: indices of choices, shape (designs, variables).

    Returns:
        float64 of shape (designs,).
    """
    from scipy.special import ndtr

    probability = np.ones(len(designs))
    names = tables.figures
    scales = [max(abs(tables.greatest(name)), 1e-300) for name in names]

    def features(rows: np.ndarray) -> np.ndarray:
        columns = [tables.figure(name, rows) / scale for name, scale in zip(names, scales, strict=True)]
        return np.stack([np.ones(len(rows)), *columns], axis=1)

    for violation in history.violations.T:
        known = np.isfinite(violation)
        if not (violation[known] > 0).any():
            continue
        seen = features(history.designs[known])
        squares = seen.T @ seen + RIDGE * np.eye(seen.shape[1])
        slopes = np.linalg.solve(squares, seen.T @ violation[known])
        misses = violation[known] - seen @ slopes
        deviation = max(float(np.sqrt(np.mean(np.square(misses)))), LEAST_DEVIATION * float(np.ptp(violation[known])))
        probability *= ndtr(-(features(designs) @ slopes) / max(deviation, 1e-300))
    return probability
