"""Linear representation in a metric: templates, index, a and b in turn, each the best for the others.

From the fit to the weights alone, or from its templates with kernels chosen by error feedback, whichever errs less,
rounds of coordinate descent follow (`explorer.forms.linear_representation.kernel_descent`,
`explorer.forms.bank_update`) with the scales of a and b by least squares between them. No round raises the error in
the metric.
"""

from dataclasses import dataclass, replace

import numpy as np

from explorer.forms.bank_uses import uses_of
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import FLOATS, Levels, as_stored, levels_of
from explorer.forms.segment_feedback import segment_feedback

__all__ = ["Parts", "refit"]

ROUNDS, SWEEPS, TEMPLATE_SWEEPS = 3, 2, 1
LEAST_GAIN = 1e-3
"""Share of its error by which a round has to lower it for another one to follow."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What the kernels of a layer are made of.

    Args:
        templates: codes or floats, (K, L) float64.
        index: (g, r, S).
        codes: of a and b, (g, r, S, 2) float64; floats where these are not quantized.
        steps: of a and b, (2,); 1 where they are not quantized.
    """

    templates: np.ndarray
    index: np.ndarray
    codes: np.ndarray
    steps: np.ndarray

    @property
    def varied(self) -> np.ndarray:
        """Codes of a times templates, (g, r, D)."""
        kernels = self.templates[self.index] * self.codes[..., :1]
        varied: np.ndarray = kernels.reshape(*self.index.shape[:2], -1)
        return varied

    @property
    def flat(self) -> np.ndarray:
        """Codes of b on all values of their kernels, (g, r, D)."""
        return np.repeat(self.codes[..., 1], self.templates.shape[1], axis=2)

    @property
    def values(self) -> np.ndarray:
        """The weights, (g, r, D)."""
        values: np.ndarray = self.steps[0] * self.varied + self.steps[1] * self.flat
        return values

    def copy(self) -> "Parts":
        """The same in arrays of its own."""
        return Parts(self.templates.copy(), self.index.copy(), self.codes.copy(), self.steps.copy())


def refit(
    weights: np.ndarray,
    metric: Metric,
    start: Parts,
    coefficient_bits: int,
    template_bits: int,
    offset: bool,
    has_fixed_templates: bool,
) -> Parts:
    """Parts of small error in the metric, never of a greater one than the start's.

    Args:
        weights: (n, ...) float64.
        metric: of the layer.
        start: the fit to the weights alone.
        coefficient_bits: of a and b.
        template_bits: of templates.
        offset: whether there is a b.
        has_fixed_templates: whether they are the network's.
    """
    from explorer.forms.linear_representation import kernel_descent

    rows = metric.rows(weights)
    levels = _levels(coefficient_bits)
    starts = [start.copy()]
    if metric.is_full and (start.steps > 0).all():
        fed = start.copy()
        feedback = segment_feedback(metric, start.index.shape[2])
        kernel_descent.feed_back(rows, *feedback, fed.templates, fed.index, fed.codes, fed.steps, offset, levels)
        starts.append(fed)
    template_levels = None if has_fixed_templates else _levels(template_bits)
    best = min(starts, key=lambda one: _error(rows, metric, one))
    parts, error = _descend(rows, metric, best, offset, levels, template_levels)
    return parts if error <= _error(rows, metric, start) else start


def _levels(bits: int) -> Levels:
    return FLOATS if bits == 32 else levels_of(bits)


def _error(rows: np.ndarray, metric: Metric, parts: Parts) -> float:
    missed = rows - parts.values
    return float((metric.times(missed) * missed).sum())


def _descend(
    rows: np.ndarray, metric: Metric, parts: Parts, offset: bool, levels: Levels, template_levels: Levels | None
) -> tuple[Parts, float]:
    """The end of a descent and its error. Where a step is 0 nothing is changed: all kernels are flat, or zero."""
    from explorer.forms import bank_update
    from explorer.forms.linear_representation import kernel_descent

    error = _error(rows, metric, parts)
    if (parts.steps <= 0).any():
        return parts, error
    for _ in range(ROUNDS):
        if levels != FLOATS:
            parts = _rescaled(rows, metric, parts, offset)
        gradient = metric.times(rows - parts.values)
        if template_levels is not None:
            factors = parts.codes[..., :1] * parts.steps[0]
            uses = uses_of(parts.index[..., None], factors, len(parts.templates), is_shared=True)
            bank, ones = parts.templates[None], np.ones((1, len(parts.templates)))
            bank_update.update(gradient, metric.cells, bank, ones, *uses, template_levels, TEMPLATE_SWEEPS)
        kernel_descent.choose(
            gradient, metric.cells, parts.templates, parts.index, parts.codes, parts.steps, offset, levels, SWEEPS
        )
        before, error = error, _error(rows, metric, parts)
        if before - error <= LEAST_GAIN * before:
            break
    return parts, error


def _rescaled(rows: np.ndarray, metric: Metric, parts: Parts, offset: bool) -> Parts:
    """The same codes with the best steps, as they are stored; those of before where these are no better."""
    units = [parts.varied, parts.flat] if offset else [parts.varied]
    spread = [metric.times(unit) for unit in units]
    gram = np.array([[float((one * other).sum()) for other in spread] for one in units])
    target = np.array([float((rows * one).sum()) for one in spread])
    found = np.linalg.lstsq(gram, target, rcond=1e-12)[0]
    if not (found > 0).all():
        return parts
    steps = parts.steps.copy()
    steps[: len(found)] = as_stored(found)
    tried = replace(parts, steps=steps)
    return tried if _error(rows, metric, tried) <= _error(rows, metric, parts) else parts
