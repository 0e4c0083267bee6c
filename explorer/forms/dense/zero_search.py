"""The search for codes, scales and zero points in a metric: a filter w is fitted by s*(q - z), z a whole number.

From a starting scale and zero point codes follow by error feedback and coordinate descent
(`explorer.forms.scalar_descent`), and scale and zero point of least error for these codes, in turn. With
e = w - s*(q - z) the error e^T C e depends on s and z by five numbers of a filter, or of the layer where filters share
them: a = q^T C w, b = 1^T C w, A = q^T C q, B = 1^T C q and D = 1^T C 1. Under z the best scale is
s = (a - z*b) / (A - 2*z*B + z^2*D), which takes s*(a - z*b) off the error; every z that can be stored is tried. No step
but the first raises the error.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from costmodels.schemes import Dense
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import Levels, as_stored, levels_of, rounded

__all__ = ["Parts", "ZeroSearch"]

ROUNDS, SWEEPS = 3, 4

FINE = (0.85, 0.93, 1.08)
"""Further starting scales, as shares of the best so far; the levels keep their middle, with either zero point next to
it."""


class Parts(NamedTuple):
    """Codes q (g, r, D), scales s (g, r) and zero points z (g, r), all float64."""

    codes: np.ndarray
    scales: np.ndarray
    zeros: np.ndarray

    def weights(self) -> np.ndarray:
        """s*(q - z), (g, r, D)."""
        weights: np.ndarray = self.scales[:, :, None] * (self.codes - self.zeros[:, :, None])
        return weights


@dataclass(frozen=True, eq=False)
class ZeroSearch:
    """A layer to be fitted.

    Args:
        rows: w, (g, r, D) float64.
        metric: of the D values.
        scheme: with zero points.
    """

    rows: np.ndarray
    metric: Metric
    scheme: Dense

    def best(self, first: Parts, starts: Iterable[tuple[np.ndarray, np.ndarray]]) -> Parts:
        """The best of what the starts lead to, as it is stored; nowhere worse than the first.

        Args:
            first: as they are stored.
            starts: scales and zero points, (g, r) each.
        """
        best, errors = first, self.errors(first)
        most = errors.sum() * (1 + 1e-12)
        for scales, zeros in starts:
            best, errors = self._better(best, errors, scales, zeros)
        middle = sum(self.levels[:2]) / 2
        for share in FINE:
            scales, zeros = share * best.scales, middle - (middle - best.zeros) / share
            for near in (np.floor(zeros), np.ceil(zeros)):
                best, errors = self._better(best, errors, scales, rounded(near, levels_of(self.scheme.zero_bits)))
        best = self._descended(best._replace(scales=as_stored(best.scales, self.scheme.scale_bits)))
        return best if self.errors(best).sum() <= most else first

    @property
    def levels(self) -> Levels:
        """Of the codes."""
        return levels_of(self.scheme.weight_bits)

    @cached_property
    def pulls(self) -> np.ndarray:
        """The rows times C."""
        return self.metric.times(self.rows)

    def errors(self, parts: Parts) -> np.ndarray:
        """(g, r): each row's error in the metric; that of all rows in each place where they share a scale."""
        missed = self.rows - parts.weights()
        errors: np.ndarray = (self.metric.times(missed) * missed).sum(axis=2)
        return np.full_like(errors, errors.sum()) if self.scheme.scale == "layer" else errors

    def _better(
        self, best: Parts, errors: np.ndarray, scales: np.ndarray, zeros: np.ndarray
    ) -> tuple[Parts, np.ndarray]:
        """The best parts of each row and their errors, those included that a start leads to."""
        from explorer.forms import scalar_descent  # numba takes a second to import

        targets, kept = self.rows + (scales * zeros)[:, :, None], np.ones(self.rows.shape, bool)
        found = Parts(scalar_descent.feed_back(targets, self.metric.feedback, scales, kept, self.levels), scales, zeros)
        for _ in range(ROUNDS):
            before, found = found, self._descended(self._with_best_zeros(found))
            if np.array_equal(before.codes, found.codes):
                break
        found_errors = self.errors(found)
        better = found_errors < errors
        codes = np.where(better[:, :, None], found.codes, best.codes)
        kept_parts = (np.where(better, found[part], best[part]) for part in (1, 2))
        return Parts(codes, *kept_parts), np.where(better, found_errors, errors)

    def _with_best_zeros(self, parts: Parts) -> Parts:
        """Scales and zero points of least error for the codes; those of before where no positive scale helps."""
        spread, ones = self.metric.times(parts.codes), self.metric.times(np.ones_like(self.rows[:, :1]))
        sums = [(self.pulls * parts.codes).sum(2), self.pulls.sum(2), (spread * parts.codes).sum(2), spread.sum(2)]
        sums.append(np.broadcast_to(ones.sum(2), sums[0].shape))
        if self.scheme.scale == "layer":
            sums = [np.full_like(part, part.sum()) for part in sums]
        a, b, aa, ab, bb = (part[:, :, None] for part in sums)
        low, high, step = levels_of(self.scheme.zero_bits)
        zeros = np.arange(low, high + step, step)
        along, energy = a - zeros * b, aa - 2 * zeros * ab + zeros**2 * bb
        usable = (along > 0) & (energy > 1e-12 * aa)
        scales = np.where(usable, along / np.where(usable, energy, 1.0), 0.0)
        chosen = (scales * along).argmax(axis=2)[:, :, None]
        best = np.take_along_axis(scales, chosen, axis=2)[:, :, 0]
        helps = best > 0
        return parts._replace(
            scales=np.where(helps, best, parts.scales), zeros=np.where(helps, zeros[chosen[:, :, 0]], parts.zeros)
        )

    def _descended(self, parts: Parts) -> Parts:
        """With codes by coordinate descent."""
        from explorer.forms import scalar_descent

        codes, kept = parts.codes.copy(), np.ones(self.rows.shape, bool)
        gradient = self.metric.times(self.rows - parts.weights())
        scalar_descent.descend(gradient, self.metric.cells, parts.scales, codes, kept, self.levels, SWEEPS)
        return parts._replace(codes=codes)
