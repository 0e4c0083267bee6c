"""Which candidates may be efficient, judged by errors that are known roughly."""

from collections.abc import Hashable, Sequence

import numpy as np

__all__ = ["promising"]


def promising(
    costs: np.ndarray, errors: np.ndarray, margin: float, kinds: Sequence[Hashable] = (), own_margin: float = 1.0
) -> np.ndarray:
    """The candidates to which no other one is superior by far: with no cost greater, and ``margin`` times less error,
    or ``own_margin`` times where it is of the same kind.

    Args:
        costs: of each candidate, (candidates, costs).
        errors: of each, (candidates,), known up to a factor that is the same for all and some scatter; NaN where
            nothing is known: such a candidate is kept, and keeps no other one out.
        margin: at least 1.
        kinds: of each candidate; those of one kind scatter less. Without them ``margin`` holds for all.
        own_margin: between candidates of one kind, at least 1.

    Returns:
        Booleans of shape (candidates,).

    >>> promising(np.array([[8.0], [8.0], [4.0]]), np.array([0.10, 0.25, 0.2]), margin=2)
    array([ True, False,  True])
    >>> promising(np.array([[8.0], [8.0], [8.0]]), np.array([0.10, 0.15, 0.15]), 2, ["a", "a", "b"], own_margin=1.1)
    array([ True, False,  True])
    """
    kept = np.ones(len(errors), bool)
    names = list(dict.fromkeys(kinds))
    numbers = np.array([names.index(kind) for kind in kinds]) if names else np.arange(len(errors))
    for place, (own, error) in enumerate(zip(costs, errors, strict=True)):
        if not np.isnan(error):
            no_dearer = (costs <= own).all(axis=1)
            margins = np.where(numbers == numbers[place], own_margin, margin)
            kept[place] = not (no_dearer & (margins * errors <= error) & (errors < error)).any()
    return kept
