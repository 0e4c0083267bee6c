"""Layers of low rank: the two factors of least error, in their bits.

The product of least error is known in closed form (`explorer.forms.low_rank.factors.best_product`). Its factors are
taken with the roots of the singular values, which spreads what rounding costs evenly, and rounded in turn: each factor
to what is best for the other as it is stored, so that both make up for each other's rounding. Any rotation between the
factors leaves the product as it is, and some are rounded better than others: several are tried.

- Coefficients: the error of a filter is (u - u*)^T V C V^T (u - u*), u* by least squares, so they are fitted as codes
  with a scale in the metric V C V^T (`explorer.forms.metric_codes`).
- Basis: its scales by least squares, all of a group together, then its codes by coordinate descent
  (`explorer.forms.low_rank.basis_descent`); floats by least squares, (U^T U)^-1 U^T W.

For some rounds a factor is found again, whatever it was; from the best of them what raises the error is not taken.
Without data C is the identity; in a metric the fit goes on from there and from the
best product in the metric.

Sources: Denton et al., NIPS 2014 (singular vectors; in a metric of the inputs too); rounding is derived.

Arrays: ``basis`` (g, r, c/g, kh, kw) and ``coefficients`` (n, r), codes of `costmodels.codes` or float32;
``basis_scales`` (g, r) and ``scales`` (n,) float32 where these are quantized.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from costmodels.codes import code_dtype
from costmodels.conventions import FLOAT_BITS
from costmodels.schemes import LowRank
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import Arrays
from explorer.forms.low_rank.factors import Factors, best_product, factors_error
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import as_stored, fit_codes, levels_of
from explorer.forms.quantizer import fit_stored_scales, round_to_codes

__all__ = ["fit", "reconstruct", "refit"]

FRESH_ROUNDS, ROUNDS, SWEEPS = 4, 8, 2

TURNS, TURNS_IN_METRIC = 4, 2
"""Starts in addition to the singular vectors. On layers of DS-CNN and ResNet-8 at 1 to 4 bits the best of five ends up
to 3% above the best of forty, 0.7% on average; the singular vectors alone up to 28%."""

LEAST_GAIN = 1e-3
"""Share of its error by which a round has to lower it for another one to follow."""

RIDGE = 1e-9
"""Share of the mean diagonal added to products of filters, which may depend on one another."""


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: LowRank,
    seed: int,
    codebook: np.ndarray | None = None,
) -> Arrays:
    """Both factors, as they are stored."""
    plain = Metric(np.ones((shape.groups, shape.group_inputs * shape.kernel_area)))
    rows = plain.rows(weights)
    return _arrays(_best(rows, plain, _starts(rows, plain, scheme, seed, TURNS), scheme), shape, scheme)


def refit(weights: np.ndarray, shape: ConvShape, scheme: LowRank, arrays: Arrays, seed: int, metric: Metric) -> Arrays:
    """The same in a metric, from the fit to the weights alone and from the best product in the metric."""
    rows, start = metric.rows(weights), _factors(arrays, shape)
    found = _best(rows, metric, [start, *_starts(rows, metric, scheme, seed, TURNS_IN_METRIC)], scheme)
    return _arrays(found, shape, scheme)


def _arrays(factors: Factors, shape: ConvShape, scheme: LowRank) -> Arrays:
    """Factors as they are stored."""
    basis = factors.basis.astype(code_dtype(scheme.basis_bits))
    coefficients = factors.coefficients.reshape(shape.out_channels, -1).astype(code_dtype(scheme.coefficient_bits))
    arrays = {"basis": basis.reshape(*basis.shape[:2], shape.group_inputs, *shape.kernel), "coefficients": coefficients}
    if scheme.basis_bits != FLOAT_BITS:
        arrays["basis_scales"] = factors.basis_steps.astype(np.float32)
    if scheme.coefficient_bits != FLOAT_BITS:
        arrays["scales"] = factors.steps.reshape(-1).astype(np.float32)
    return arrays


def _factors(arrays: Mapping[str, np.ndarray], shape: ConvShape) -> Factors:
    """The inverse of `_arrays`."""
    basis = arrays["basis"].astype(np.float64).reshape(*arrays["basis"].shape[:2], -1)
    rows = arrays["coefficients"].astype(np.float64).reshape(shape.groups, shape.group_outputs, -1)
    basis_steps = arrays.get("basis_scales", np.ones(basis.shape[:2])).astype(np.float64)
    steps = arrays.get("scales", np.ones(shape.out_channels)).astype(np.float64)
    return Factors(basis, basis_steps, rows, steps.reshape(rows.shape[:2]))


def _best(rows: np.ndarray, metric: Metric, starts: Iterable[Factors], scheme: LowRank) -> Factors:
    """The end of a descent from the best of some starts, each after some rounds."""
    made = list(starts)  # all of them while the factors of a metric are at hand
    begun = [_refreshed(rows, metric, start, scheme) for start in made]
    return _descended(rows, metric, min(begun, key=lambda one: factors_error(rows, metric, one)), scheme)


def _starts(rows: np.ndarray, metric: Metric, scheme: LowRank, seed: int, turns: int) -> Iterator[Factors]:
    """The best product, its factors rounded; then the same turned at random, U Q and Q^T V, so often."""
    second, first = best_product(rows, metric, scheme.filters)
    yield _started(first, second, metric, scheme)
    generator = np.random.default_rng(seed)
    is_rounded = min(scheme.basis_bits, scheme.coefficient_bits) < FLOAT_BITS
    for _ in range(turns if is_rounded and scheme.filters > 1 else 0):
        turn = np.linalg.qr(generator.standard_normal((scheme.filters, scheme.filters)))[0]
        yield _started(turn.T @ first, second @ turn, metric, scheme)


def _started(first: np.ndarray, second: np.ndarray, metric: Metric, scheme: LowRank) -> Factors:
    """Factors rounded one by one, the first one in the metric."""
    basis, basis_steps = _rounded(first, scheme.basis_bits, scheme.scale_bits)
    if scheme.basis_bits != FLOAT_BITS and metric.is_full:
        start, levels = (basis, basis_steps), levels_of(scheme.basis_bits)
        basis, basis_steps = fit_codes(first, metric, levels, start, "filter", scale_bits=scheme.scale_bits)
    coefficients, steps = _rounded(second, scheme.coefficient_bits, scheme.scale_bits)
    return Factors(basis, basis_steps, coefficients, steps)


def _rounded(values: np.ndarray, bits: int, scale_bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest codes of (g, rows, values) under a scale a row, and the scales; floats under scales of 1."""
    if bits == FLOAT_BITS:
        return values.astype(np.float32).astype(np.float64), np.ones(values.shape[:2])
    flat = values.reshape(-1, values.shape[2])
    scales = fit_stored_scales(flat, bits, scale_bits).astype(np.float64)
    codes = round_to_codes(flat / np.where(scales > 0, scales, 1.0)[:, None], bits)
    return codes.reshape(values.shape), scales.reshape(values.shape[:2])


def _refreshed(rows: np.ndarray, metric: Metric, factors: Factors, scheme: LowRank) -> Factors:
    """The best of several rounds in which each factor is found again for the other."""
    if scheme.basis_bits == FLOAT_BITS:
        return factors
    best, least = factors, factors_error(rows, metric, factors)
    for _ in range(FRESH_ROUNDS):
        factors = _with_fresh_basis(rows, metric, _with_coefficients(rows, metric, factors, scheme), scheme)
        error = factors_error(rows, metric, factors)
        if error < least:
            best, least = factors, error
    return best


def _descended(rows: np.ndarray, metric: Metric, factors: Factors, scheme: LowRank) -> Factors:
    """The end of a descent from some factors."""
    error = factors_error(rows, metric, factors)
    for _ in range(ROUNDS):
        before = error
        for step in (_with_coefficients, _with_basis_steps, _with_basis):
            found = step(rows, metric, factors, scheme)
            own = factors_error(rows, metric, found)
            if own <= error:
                factors, error = found, own
        if before - error <= LEAST_GAIN * before:
            break
    return factors


def _with_fresh_basis(rows: np.ndarray, metric: Metric, factors: Factors, scheme: LowRank) -> Factors:
    """The basis that is best for the coefficients there are, rounded, whatever it was before."""
    second = factors.second
    exact = np.linalg.solve(_ridged(second.swapaxes(1, 2) @ second), second.swapaxes(1, 2) @ rows)
    basis, steps = _rounded(exact, scheme.basis_bits, scheme.scale_bits)
    return _with_basis(rows, metric, replace(factors, basis=basis, basis_steps=steps), scheme)


def _with_coefficients(rows: np.ndarray, metric: Metric, factors: Factors, scheme: LowRank) -> Factors:
    """Better coefficients and scales of outputs for the basis there is."""
    first = factors.first
    pulled = metric.times(first)
    gram = _ridged(pulled @ first.swapaxes(1, 2))
    target = np.linalg.solve(gram, pulled @ rows.swapaxes(1, 2)).swapaxes(1, 2)
    if scheme.coefficient_bits == FLOAT_BITS:
        return replace(factors, coefficients=target.astype(np.float32).astype(np.float64))
    levels, start = levels_of(scheme.coefficient_bits), (factors.coefficients, factors.steps)
    codes, steps = fit_codes(target, Metric(gram), levels, start, "filter", scale_bits=scheme.scale_bits)
    return replace(factors, coefficients=codes, steps=steps)


def _with_basis_steps(rows: np.ndarray, metric: Metric, factors: Factors, scheme: LowRank) -> Factors:
    """The scales of the basis that are best together, where none is negative."""
    if scheme.basis_bits == FLOAT_BITS:
        return factors
    second, pulled = factors.second, metric.times(factors.basis)
    gram = (second.swapaxes(1, 2) @ second) * (pulled @ factors.basis.swapaxes(1, 2))
    target = np.einsum("gik,gid,gkd->gk", second, rows, pulled, optimize=True)
    steps = np.linalg.solve(_ridged(gram), target[:, :, None])[:, :, 0]
    steps = np.where((steps > 0).all(axis=1, keepdims=True), steps, factors.basis_steps)
    return replace(factors, basis_steps=as_stored(steps, scheme.scale_bits))


def _with_basis(rows: np.ndarray, metric: Metric, factors: Factors, scheme: LowRank) -> Factors:
    """A better basis for the coefficients there are, at its scales."""
    from explorer.forms.low_rank.basis_descent import descend_basis  # numba takes a second to import

    second = factors.second
    products = second.swapaxes(1, 2) @ second
    if scheme.basis_bits == FLOAT_BITS:
        basis = np.linalg.solve(_ridged(products), second.swapaxes(1, 2) @ rows)
        return replace(factors, basis=basis.astype(np.float32).astype(np.float64))
    codes = factors.basis.copy()
    pulls = second.swapaxes(1, 2) @ metric.times(rows - factors.values)
    levels = levels_of(scheme.basis_bits)
    descend_basis(pulls, products, metric.cells, codes, factors.basis_steps, levels, SWEEPS)
    return replace(factors, basis=codes)


def _ridged(gram: np.ndarray) -> np.ndarray:
    """Products (g, r, r) with a little more on their diagonal, so that they can be divided by."""
    mean = np.einsum("gkk->g", gram) / gram.shape[1]
    symmetric = (gram + gram.swapaxes(1, 2)) / 2
    ridged: np.ndarray = symmetric + (RIDGE * np.where(mean > 0, mean, 1.0))[:, None, None] * np.eye(gram.shape[1])
    return ridged


def reconstruct(shape: ConvShape, scheme: LowRank, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The product of both factors, each code times its scale; sums are in float64, as terms may cancel."""
    weights: np.ndarray = _factors(arrays, shape).values.astype(np.float32)
    return weights.reshape(shape.weight_shape)
