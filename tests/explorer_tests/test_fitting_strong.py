"""Fits to weights alone against strong ones made independently of them, on small layers of a trained network:
exhaustive over scales where one scale decides, restarts elsewhere. No fit errs more than 2% more."""

import itertools

import numpy as np
import pytest
from scipy.cluster.vq import kmeans2

from costmodels import Dense, parse_scheme
from costmodels.codes import code_levels
from explorer.forms.fitting import fit

MARGIN = 1.02
CONV, LINEAR = "conv1", "fc"
"""32 filters of 3x3 of one channel; 10 filters of 96 inputs."""


def nearest(values, levels):
    return levels[np.abs(values[..., None] - levels).argmin(axis=-1)]


def scanned(rows, levels, kept=None):
    """Every row under one of 600 scales, each then brought to its least squares; values that are not kept are zero."""
    kept = np.ones(rows.shape, bool) if kept is None else kept
    total = 0.0
    for row, mask in zip(rows, kept, strict=True):
        values, best = row[mask], np.square(row).sum()
        for scale in np.abs(row).max() * np.linspace(0.002, 1.2, 600) / max(abs(levels.min()), 1):
            codes = nearest(values / scale, levels)
            energy = codes @ codes
            scale = values @ codes / energy if energy else 0.0
            best = min(best, np.square(row).sum() - np.square(values).sum() + np.square(values - scale * codes).sum())
        total += best
    return total


def scanned_with_zeros(rows, levels, zeros):
    """Every row under 300 scales and all zero points, each then brought to its least squares."""
    total = 0.0
    for row in rows:
        best, span = np.square(row).sum(), np.ptp(row) / np.ptp(levels)
        for scale in max(span, np.abs(row).max() / 100) * np.linspace(0.02, 1.5, 300):
            codes = nearest(row / scale + zeros[:, None], levels) - zeros[:, None]
            along, energy = codes @ row, np.square(codes).sum(axis=1)
            best = min(
                best, np.square(row).sum() - np.max(np.where(along > 0, along, 0.0) ** 2 / np.maximum(energy, 1))
            )
        total += best
    return total


def whole_codes(bits):
    if bits == 1:
        return np.array([-1.0, 1.0])
    return np.arange(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1), dtype=float)


def kept_of_groups(rows, keep, group):
    """The largest ``keep`` of every ``group`` values."""
    parts = np.abs(rows.reshape(len(rows), -1, group))
    order = np.argsort(-parts, axis=2)[..., :keep]
    mask = np.zeros(parts.shape, bool)
    np.put_along_axis(mask, order, True, axis=2)
    return mask.reshape(rows.shape)


def directions(rows, templates, coefficient_bits):
    """Kernels as a*T + b with a and b under one scale each: 30 starts of a k-means of lines."""
    means = rows.mean(axis=1, keepdims=True)
    centred, best = rows - means, np.inf
    for start in range(30):
        generator = np.random.default_rng(1000 + start)
        lines = centred[generator.permutation(len(rows))[:templates]]
        for _ in range(30):
            lines = lines / np.maximum(np.linalg.norm(lines, axis=1, keepdims=True), 1e-12)
            products = centred @ lines.T
            index = np.abs(products).argmax(axis=1)
            along = products[np.arange(len(rows)), index]
            lines = np.stack([(along[index == t, None] * centred[index == t]).sum(axis=0) for t in range(templates)])
        lines = lines / np.maximum(np.linalg.norm(lines, axis=1, keepdims=True), 1e-12)
        steps = np.abs(lines).max() / 7  # templates of four bits, as the form's default has them
        lines = steps * np.clip(np.round(lines / steps), -7, 7)
        energy = np.maximum(np.square(lines).sum(axis=1), 1e-12)
        along = (centred @ lines.T / energy)[np.arange(len(rows)), index]
        found = [rounded_scalars(one, coefficient_bits) for one in (along, means[:, 0])]
        best = min(best, np.square(rows - found[0][:, None] * lines[index] - found[1][:, None]).sum())
    return best


def rounded_scalars(values, bits):
    """The best of 300 scales for all."""
    levels = whole_codes(bits)
    tried = [s * nearest(values / s, levels) for s in np.abs(values).max() * np.linspace(0.05, 1.2, 300) / levels.max()]
    return min(tried, key=lambda one: np.square(one - values).sum())


def words(rows, count, bits):
    """20 starts of scipy's k-means, codewords under the best of their scales, chosen again after each."""
    best = np.inf
    for start in range(20):
        centres, _ = kmeans2(rows, count, 30, minit="points", rng=start, missing="warn")
        for scale in np.abs(centres).max() * np.linspace(0.7, 1.0, 7) / whole_codes(bits).max():
            rounded = scale * nearest(centres / scale, whole_codes(bits))
            best = min(best, np.square(rows[:, None] - rounded[None]).sum(axis=2).min(axis=1).sum())
    return best


SCALAR = {
    "dense": [
        ("dense(weight_bits={}, scale={})", (bits, scale)) for bits in (1, 2, 3) for scale in ("filter", "layer")
    ],
    "ternary": [("ternary(scale={}, packing={})", pair) for pair in itertools.product(("filter", "layer"), ("base3",))],
    "nm-sparse": [
        ("nm-sparse(pattern={}, weight_bits={})", pair) for pair in itertools.product(("1:2", "2:4", "1:4"), (2, 4))
    ],
}


@pytest.mark.parametrize("form", SCALAR)
def test_single_weights_under_the_best_of_all_scales(traced_digits, form):
    for (text, values), name in itertools.product(SCALAR[form], (CONV, LINEAR)):
        weights, shape = traced_digits.weights[name], traced_digits.spec.layer(name).shape
        if form == "nm-sparse" and name == CONV:
            continue
        rows = weights.reshape(1 if "layer" in values else len(weights), -1).astype(float)
        bits = {"ternary": 2}.get(form, values[0] if form == "dense" else values[-1])
        kept = kept_of_groups(rows, *map(int, values[0].split(":"))) if form == "nm-sparse" else None
        strong = scanned(rows, whole_codes(bits), kept) / np.square(rows).sum()
        assert fit(weights, shape, parse_scheme(text.format(*values)).resolve(shape)).distortion <= MARGIN * strong, (
            text
        )


@pytest.mark.parametrize("bits", [1, 2, 3])
@pytest.mark.parametrize("shift", [0, 1], ids=["as trained", "shifted to one side"])
def test_zero_points_under_the_best_of_all_scales_and_zero_points(traced_digits, bits, shift):
    for scale, name in itertools.product(("filter", "layer"), (CONV, LINEAR)):
        weights, shape = traced_digits.weights[name], traced_digits.spec.layer(name).shape
        weights = weights + shift * weights.std()
        rows = weights.reshape(1 if scale == "layer" else len(weights), -1).astype(float)
        strong = scanned_with_zeros(rows, code_levels(bits), np.arange(-8, 8)) / np.square(rows).sum()
        assert fit(weights, shape, Dense(bits, scale, zero_bits=4)).distortion <= MARGIN * strong, (scale, name)


@pytest.mark.parametrize("bits", [3, 4])
@pytest.mark.parametrize("templates", [4, 6, 8])
def test_lines_of_kernels_against_many_starts(traced_digits, templates, bits):
    text = f"linear-representation(templates={templates}, coefficient_bits={bits}, template_bits=4)"
    check_kernels(traced_digits, text, lambda rows: directions(rows, templates, bits))


@pytest.mark.parametrize("bits", [4, 6])
@pytest.mark.parametrize("count", [4, 8, 16])
def test_codewords_against_many_starts(traced_digits, count, bits):
    text = f"vector-quantized(codewords={count}, value_bits={bits})"
    check_kernels(traced_digits, text, lambda rows: words(rows, count, bits))


def check_kernels(traced, text, least_error):
    """A fit of 3x3 kernels errs no more than what a strong fit of their rows (kernels, 9) does, within the margin."""
    weights, shape = traced.weights[CONV], traced.spec.layer(CONV).shape
    rows = weights.reshape(-1, 9).astype(float)
    strong = least_error(rows) / np.square(rows).sum()
    assert fit(weights, shape, parse_scheme(text).resolve(shape)).distortion <= MARGIN * strong


def rounded_rows(rows, bits):
    """Every row under the best of 40 scales."""
    levels = whole_codes(bits)
    scales = np.abs(rows).max(axis=1)[:, None, None] * np.linspace(0.3, 1.1, 40)[:, None] / levels.max()
    found = scales * nearest(rows[:, None] / np.maximum(scales, 1e-12), levels)
    best = np.square(found - rows[:, None]).sum(axis=2).argmin(axis=1)
    return found[np.arange(len(rows)), best]


def solved(design, target):
    return np.linalg.lstsq(design, target, rcond=None)[0]


def sparse_sums(rows, filters, bits, kept):
    """Sparse sums of a basis, by turns of least squares and rounding, from 12 bases of rows by chance; ``kept`` of the
    coefficients, those of most effect, in all."""
    best = np.inf
    for start in range(12):
        generator = np.random.default_rng(start)
        mixing = generator.standard_normal((filters, len(rows))) / len(rows)
        basis = rounded_rows(mixing @ rows, bits[0])
        for _ in range(8):
            exact = solved(basis.T, rows.T).T
            effect = np.abs(exact) * np.linalg.norm(basis, axis=1)
            support = effect >= np.sort(effect, axis=None)[-kept]
            for row, places, target in zip(exact, support, rows, strict=True):
                row[places], row[~places] = solved(basis[places].T, target), 0
            coefficients = rounded_scalars(exact.reshape(-1), bits[1]).reshape(exact.shape)
            basis = rounded_rows(solved(coefficients, rows), bits[0])
            best = min(best, np.square(rows - coefficients @ basis).sum())
    return best


@pytest.mark.parametrize(
    ("filters", "basis", "density", "bits"),
    [(2, 1, "0.5", 3), (3, 1, "0.25", 3), (3, 2, "0.25", 4), (3, 4, "0.5", 4), (5, 1, "0.25", 3), (5, 2, "0.5", 4)],
)
def test_sparse_sums_of_a_basis_against_many_starts(traced_digits, filters, basis, density, bits):
    weights, shape = traced_digits.weights[LINEAR], traced_digits.spec.layer(LINEAR).shape
    rows = weights.reshape(10, 96).astype(float)
    text = f"segments=1, filters={filters}, basis_bits={basis}, density={density}, coefficient_bits={bits}"
    scheme = parse_scheme(f"sparse-basis({text}, basis_scale=filter)").resolve(shape)
    kept = max(round(float(density) * 10 * filters), 1)
    strong = sparse_sums(rows, filters, (basis, bits), kept) / np.square(rows).sum()
    assert fit(weights, shape, scheme).distortion <= MARGIN * strong


def products(rows, filters, bits):
    """Two rounded factors, each least squares for the other in turn, from the singular vectors turned 20 times."""
    left, values, right = np.linalg.svd(rows, full_matrices=False)
    first, second = left[:, :filters] * values[:filters], right[:filters]
    best = np.inf
    for start in range(20):
        turn = np.linalg.qr(np.random.default_rng(start).standard_normal((filters, filters)))[0]
        basis = rounded_rows(turn.T @ second, bits[0])
        for _ in range(8):
            coefficients = rounded_rows(solved(basis.T, rows.T).T, bits[1])
            basis = rounded_rows(solved(coefficients, rows), bits[0])
            best = min(best, np.square(rows - coefficients @ basis).sum())
    assert np.square(rows - first @ second).sum() <= best
    return best


@pytest.mark.parametrize("bits", [(4, 4), (2, 4), (3, 3)])
@pytest.mark.parametrize("filters", [2, 5])
def test_layers_of_low_rank_against_many_starts(traced_digits, filters, bits):
    weights, shape = traced_digits.weights[LINEAR], traced_digits.spec.layer(LINEAR).shape
    rows = weights.reshape(10, 96).astype(float)
    scheme = parse_scheme(f"low-rank(filters={filters}, basis_bits={bits[0]}, coefficient_bits={bits[1]})")
    strong = products(rows, filters, bits) / np.square(rows).sum()
    assert fit(weights, shape, scheme.resolve(shape)).distortion <= MARGIN * strong
