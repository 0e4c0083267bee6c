"""Rungs of training: how long designs are trained, and how many of them, the fewer the longer.

Successive halving [jamieson2016non]: all trials are measured as fitted, a share of them is trained for a short time,
and a share of these for the whole. Here each rung keeps a quarter of the one below and trains four times as long, but
for the first: measuring a design as fitted costs far less than any training. Between the two is a rung of no epochs,
where a design is fitted once more, layer after layer.

References:
    [jamieson2016non] K. Jamieson & A. Talwalkar. Non-stochastic best arm identification and hyperparameter
        optimization. AISTATS 2016.
"""

from dataclasses import dataclass

__all__ = ["REDUCTION", "Rung", "make_rungs"]

REDUCTION = 4
"""Of designs, and of epochs the other way round, from one rung to the next."""

SEQUENTIAL_SHARE = 4
"""One of so many trials is fitted in sequence."""

FIRST_SHARE = 8
"""One of so many trials is trained at all."""


@dataclass(frozen=True)
class Rung:
    """One length of training.

    Args:
        epochs: of each design at most; 0 where layers are fitted in sequence and nothing is trained.
        designs: that are trained so long.
    """

    epochs: int
    designs: int


def make_rungs(epochs: int | None, trials: int, sequential: bool = False) -> tuple[Rung, ...]:
    """The rungs of a search, the shortest training first.

    Args:
        epochs: of the longest, at least 1; None where nothing is trained.
        trials: of the search, at least 1.
        sequential: whether designs are fitted in sequence before any is trained.

    >>> make_rungs(12, 300)
    (Rung(epochs=3, designs=38), Rung(epochs=12, designs=10))
    >>> make_rungs(3, 300)
    (Rung(epochs=3, designs=38),)
    >>> make_rungs(None, 300, sequential=True)
    (Rung(epochs=0, designs=75),)
    """
    before = (Rung(0, -(-trials // SEQUENTIAL_SHARE)),) if sequential else ()
    if epochs is None:
        return before
    first = -(-trials // FIRST_SHARE)
    if epochs < REDUCTION:
        return (*before, Rung(epochs, first))
    return (*before, Rung(epochs // REDUCTION, first), Rung(epochs, -(-first // REDUCTION)))
