"""Which candidates may be efficient, judged by errors that are known roughly."""

import numpy as np

__all__ = ["promising"]


def promising(costs: np.ndarray, errors: np.ndarray, margin: float) -> np.ndarray:
    """The candidates to which no other one is superior by far: with no cost greater, and ``margin`` times less error.

    Args:
        costs: of each candidate, (candidates, costs).
        errors: of each, (candidates,), known up to a factor that is the same for all and some scatter; NaN where
            nothing is known: such a candidate is kept, and keeps no other one out.
        margin: at least 1.

    Returns:
        Booleans of shape (candidates,).

    >>> promising(np.array([[8.0], [8.0], [4.0]]), np.array([0.10, 0.25, 0.2]), margin=2)
    array([ True, False,  True])
    """
    kept = np.ones(len(errors), bool)
    for place, (own, error) in enumerate(zip(costs, errors, strict=True)):
        if not np.isnan(error):
            no_dearer = (costs <= own).all(axis=1)
            kept[place] = not (no_dearer & (margin * errors <= error) & (errors < error)).any()
    return kept
