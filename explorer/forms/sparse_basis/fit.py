"""Sparse linear combinations of a quantized basis, by alternating least squares.

With X (M, D) the segments of a group, this minimizes ||X - A*B||^2 over a basis B (m, D) of b-bit codes and sparse,
quantized coefficients A (M, m). A round is:

1. coefficients: least squares for the basis; projection onto the L1 ball, one for the layer, whose radius leaves
   round(density * Z) of them (all, where a zero cannot be stored), which decides the support; least squares again on
   the support alone, which undoes the shrinking; codes;
2. basis: least squares for the coefficients; codes.

Codes are rounded one basis filter at a time, each the exact best for all others (coordinate descent), so that
rounding errors make up for each other. The best of a few rounds is kept; two starts are tried: the leading right
singular vectors of X, the best basis where coefficients are dense, and segments of X, which need few coefficients.
At the end the support is that of orthogonal matching pursuit where that is better, and basis, coefficients and scales
descend together, as they are stored (`explorer.forms.sparse_basis.metric_fit`).

Arrays: ``basis`` (g, m, s, kh, kw) codes of `costmodels.codes` or float32; ``coefficients`` codes or
float32, and their places, as in `explorer.forms.places` with a row for each filter and segment, n*S rows of m;
``scales`` (g, 1) or (g, m) float32 where the basis is quantized: the product of basis and coefficient scale where
both are. A basis of floats takes the scale of the coefficients in.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from costmodels.codes import code_dtype
from costmodels.conventions import FLOAT_BITS
from costmodels.numbers import round_share
from costmodels.scales import round_scales
from costmodels.schemes import SparseBasis
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.forms.metric_codes import FLOATS, levels_of
from explorer.forms.places import pack_places, spread_values
from explorer.forms.quantizer import round_to_codes
from explorer.forms.segments import filter_segments, weights_of_segments
from explorer.forms.sparse_basis import metric_fit
from explorer.forms.sparse_basis.factors import (
    Factor,
    least_squares,
    nearest_codes,
    positive_steps,
    refit_support,
    round_by_descent,
)
from explorer.forms.sparse_basis.l1_ball import project_l1_ball, radius_that_keeps
from explorer.forms.sparse_basis.metric_fit import Parts

__all__ = ["fit", "reconstruct", "refit"]

TRIAL_ROUNDS, FINAL_ROUNDS = 2, 3
"""Rounds from either start, and further ones from the better."""


class _Fit(NamedTuple):
    """A basis (g, m, D) with coefficients (g, m, M), and the squared error that they leave."""

    basis: Factor
    coefficients: Factor
    error: float


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: SparseBasis,
    seed: int,
    codebook: np.ndarray | None = None,
) -> Arrays:
    """Basis, coefficients and scales; the seed draws basis filters beyond the rank of the segments."""
    segments = filter_segments(weights, shape, scheme.segment_channels)
    starts = _starts(segments, scheme.filters, np.random.default_rng(seed))
    trials = [
        _alternate(segments, nearest_codes(start, scheme.basis_bits, scheme.basis_scale), scheme, TRIAL_ROUNDS)
        for start in starts
    ]
    best = min(trials, key=lambda trial: trial.error)
    continued = _alternate(segments, best.basis, scheme, FINAL_ROUNDS)
    basis, coefficients, _ = min(best, continued, key=lambda trial: trial.error)
    product = basis.scales * coefficients.scales
    if FLOAT_BITS not in (scheme.basis_bits, scheme.scale_bits):
        product, coefficients = _with_rounded_scales(segments, basis, coefficients, scheme)
    stored = _stored(basis, coefficients, product, shape, scheme)
    plain = Metric(np.ones((shape.groups, shape.group_inputs * shape.kernel_area)))
    return refit(weights, shape, scheme, stored, seed, plain)


def refit(
    weights: np.ndarray, shape: ConvShape, scheme: SparseBasis, arrays: Arrays, seed: int, metric: Metric
) -> Arrays:
    """The same in a metric, see `explorer.forms.sparse_basis.metric_fit`."""
    basis = arrays["basis"].reshape(shape.groups, scheme.filters, -1).astype(np.float64)
    stored = arrays.get("scales", np.ones((shape.groups, 1), np.float32)).astype(np.float64)
    rows = _coefficient_rows(shape, scheme, arrays).astype(np.float64)
    coefficients = rows.reshape(shape.groups, shape.group_outputs, -1, scheme.filters)
    start = Parts(basis, coefficients, np.broadcast_to(stored, basis.shape[:2]).copy())
    levels = tuple(FLOATS if bits == 32 else levels_of(bits) for bits in (scheme.basis_bits, scheme.coefficient_bits))
    is_sparse = scheme.kept_share < 1 or not coefficients.all()
    parts = metric_fit.refit(weights, metric, start, (levels[0], levels[1]), is_sparse, scheme.scale_bits)
    rows = parts.coefficients.reshape(shape.groups, -1, scheme.filters).swapaxes(1, 2)
    steps = parts.steps[:, : stored.shape[1]]
    return _stored(Factor(parts.basis, steps), Factor(rows, np.ones((shape.groups, 1))), steps, shape, scheme)


def _alternate(segments: np.ndarray, basis: Factor, scheme: SparseBasis, rounds: int) -> _Fit:
    """The best fit of ``rounds`` rounds."""
    fits = []
    for _ in range(rounds):
        coefficients = _fit_coefficients(segments, basis, scheme)
        basis = _fit_basis(segments, coefficients, basis, scheme)
        missed = segments - coefficients.values.swapaxes(1, 2) @ basis.values
        fits.append(_Fit(basis, coefficients, float(np.square(missed).sum())))
    return min(fits, key=lambda one: one.error)


def _starts(segments: np.ndarray, filters: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Two bases (g, m, D) of unit rows: leading right singular vectors, and the segments of largest energy."""
    groups, rows, values = segments.shape
    if values <= rows:
        singular = np.linalg.eigh(segments.swapaxes(1, 2) @ segments)[1].swapaxes(1, 2)[:, ::-1]
    else:
        left = np.linalg.eigh(segments @ segments.swapaxes(1, 2))[1].swapaxes(1, 2)[:, ::-1]
        singular = left @ segments
    order = np.argsort(-np.square(segments).sum(axis=2), axis=1, kind="stable")
    strongest = np.take_along_axis(segments, order[:, :, None], axis=1)
    starts = []
    for leading in (singular, strongest):
        start = generator.standard_normal((groups, filters, values))
        start[:, : leading.shape[1]] = leading[:, :filters]
        starts.append(_unit(start))
    return starts


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.square(rows).sum(axis=2, keepdims=True))
    return rows / np.where(lengths > 0, lengths, 1.0)


def _fit_coefficients(segments: np.ndarray, basis: Factor, scheme: SparseBasis) -> Factor:
    """Step 1; the coefficients are (g, m, M)."""
    values = basis.values
    gram, target = values @ values.swapaxes(1, 2), values @ segments.swapaxes(1, 2)
    exact = least_squares(gram, target, np.zeros_like(target))
    count = round_share(scheme.kept_share, exact.size)
    kept = None
    if count < exact.size:
        lengths = np.sqrt(np.einsum("gmm->gm", gram))[:, :, None]
        weighted = (exact * lengths).reshape(1, -1)
        kept = (project_l1_ball(weighted, radius_that_keeps(weighted[0], count)) != 0).reshape(exact.shape)
        exact = refit_support(gram, target, exact, kept)
    if scheme.coefficient_bits == 32:
        return Factor(exact, np.ones((len(exact), 1)))
    bits = scheme.coefficient_bits
    rough = nearest_codes(exact, bits, scheme.basis_scale)
    return round_by_descent(rough, gram, target, bits, kept)


def _fit_basis(segments: np.ndarray, coefficients: Factor, basis: Factor, scheme: SparseBasis) -> Factor:
    """Step 2, at the scales that the basis has."""
    values = coefficients.values
    gram, target = values @ values.swapaxes(1, 2), values @ segments
    exact = least_squares(gram, target, basis.values)
    if scheme.basis_bits == 32:
        return Factor(exact, basis.scales)
    bits = scheme.basis_bits
    rough = basis._replace(codes=round_to_codes(exact / positive_steps(basis.scales), bits))
    return round_by_descent(rough, gram, target, bits, None)


def _with_rounded_scales(
    segments: np.ndarray, basis: Factor, coefficients: Factor, scheme: SparseBasis
) -> tuple[np.ndarray, Factor]:
    """The scales as they are stored, (g, 1) or (g, m), and the coefficients that are best for them where they stand:
    floats take up what was rounded, codes are found again by one sweep."""
    exact = basis.scales * coefficients.scales
    rounded = round_scales(exact, scheme.scale_bits).astype(np.float64)
    if scheme.coefficient_bits == FLOAT_BITS:
        shares = exact / np.where(rounded == 0, 1.0, rounded)
        return rounded, coefficients._replace(codes=coefficients.codes * shares[:, :, None])
    gram, target = basis.codes @ basis.codes.swapaxes(1, 2), basis.codes @ segments.swapaxes(1, 2)
    kept = None if scheme.kept_share == 1 and scheme.coefficients == "dense" else coefficients.codes != 0
    start = Factor(coefficients.codes.copy(), rounded)
    return rounded, round_by_descent(start, gram, target, scheme.coefficient_bits, kept)


def _stored(basis: Factor, coefficients: Factor, product: np.ndarray, shape: ConvShape, scheme: SparseBasis) -> Arrays:
    codes, scales = basis.codes, {"scales": product.astype(np.float32)}
    if scheme.basis_bits == 32:
        codes, scales = codes * product[:, :, None], {}
    rows = coefficients.codes.swapaxes(1, 2).reshape(-1, scheme.filters).astype(code_dtype(scheme.coefficient_bits))
    kernel = (shape.groups, scheme.filters, scheme.segment_channels, *shape.kernel)
    stored = {"basis": codes.reshape(kernel).astype(code_dtype(scheme.basis_bits))}
    return stored | pack_places("coefficients", rows, scheme.coefficients) | scales


def _coefficient_rows(shape: ConvShape, scheme: SparseBasis, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    rows = shape.out_channels * shape.group_inputs // scheme.segment_channels
    return spread_values("coefficients", arrays, rows, scheme.filters)


def reconstruct(shape: ConvShape, scheme: SparseBasis, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Concatenates sum_l A_ijl * B_l over the segments j."""
    coefficients = _coefficient_rows(shape, scheme, arrays).astype(np.float32)
    coefficients = coefficients.reshape(shape.groups, -1, scheme.filters)
    if "scales" in arrays:
        coefficients = coefficients * arrays["scales"][:, None]
    basis = arrays["basis"].reshape(shape.groups, scheme.filters, -1).astype(np.float32)
    return weights_of_segments(coefficients @ basis, shape)
