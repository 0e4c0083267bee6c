"""Linear representation of kernels: templates by k-means on Pearson's correlation, then a and b of every kernel.

A kernel x is fitted as a*T + b with a = cov(x,T)/var(T) and b = mean(x) - a*mean(T), which leaves the squared error
d^2*var(x)*(1 - r^2): so the template of largest |r| is the best one (derived; whether the paper takes r or |r| is
unknown, ``criterion`` is the switch). Without b the same holds with values that are not centred, and cosines in place
of r.

Templates follow from a k-means of directions (Dhillon & Modha, Machine Learning 42, 2001): each kernel goes to the
template c of largest |<x,c>|, each template becomes sum(<x,c>*x) over its kernels, at unit length. That is one step
of the power iteration towards the top eigenvector of sum(x*x^T), which is the template of least error, and the sum
over the kernels of <x,c>^2 never falls. Kernels weigh by their energy, since the error does.

Arrays: ``templates`` (K, kh, kw), codes of `costmodels.codes` or float32, whose scale is part of a;
``index`` (n, c/g) integers below K; ``a`` and, with an offset, ``b`` (n, c/g), codes or float32; ``scales`` float32,
of a and of b, where these are quantized. The templates of ``codebook="network"`` are stored once for all layers, and
uncounted ones nowhere: here they are part of the arrays, since the weights need them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from costmodels.codes import are_codes, code_dtype
from costmodels.schemes import LinearRepresentation
from costmodels.shapes import ConvShape
from explorer.errors import FittingError
from explorer.forms.fitted_layer import Arrays
from explorer.forms.quantizer import fit_scales, quantize_rows

__all__ = ["CRITERIA", "fit", "fit_network_codebook", "fit_templates", "rebuild"]

ITERATIONS = 12
BLOCK_PRODUCTS = 1 << 20
"""Products of kernels and templates that are held at once."""

FLAT = 1e-14
"""Share of its energy below which the variation of a kernel is float32 rounding, (2^-23)^2, and counts as none."""

CRITERIA = ("|r|", "r")
"""How a kernel chooses its template; ``|r|`` is consistent with the least-squares a and b, ``r`` minds the sign."""


def fit(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: LinearRepresentation,
    seed: int,
    codebook: np.ndarray | None = None,
    criterion: str = "|r|",
) -> Arrays:
    """Templates (fitted here, or the given network's), index, a and b.

    Raises:
        FittingError: ``codebook="network"`` without a codebook that `fit_network_codebook` made for these parameters.
    """
    kernels = weights.reshape(shape.kernels, shape.kernel_area)
    if scheme.codebook == "network":
        templates = _checked_codebook(codebook, shape, scheme)
    else:
        directions = fit_templates(kernels, scheme.templates, seed, scheme.offset, criterion)
        templates = _quantized_templates(directions, scheme.template_bits).reshape(-1, *shape.kernel)
    flat = templates.reshape(scheme.templates, -1).astype(np.float64)
    rows, patterns = _centred(kernels, scheme.offset), _centred(flat, scheme.offset)
    index = _nearest(rows, _unit(patterns), criterion)[0]
    energy = np.square(patterns).sum(axis=1)
    factors = np.einsum("ij,ij->i", rows, patterns[index]) / np.where(energy > 0, energy, 1.0)[index]
    arrays = {
        "templates": templates,
        "index": index.reshape(shape.weight_shape[:2]).astype(np.min_scalar_type(scheme.templates - 1)),
    }
    return arrays | _coefficients(kernels.mean(axis=1), flat.mean(axis=1)[index], factors, shape, scheme)


def _coefficients(
    means: np.ndarray, template_means: np.ndarray, factors: np.ndarray, shape: ConvShape, scheme: LinearRepresentation
) -> Arrays:
    """a as stored, then the b that is best for it, and their scales."""
    bits, scales, stored = scheme.coefficient_bits, [], {}
    for name in ("a", "b") if scheme.offset else ("a",):
        exact = factors if name == "a" else means - factors * template_means
        if bits == 32:
            factors, codes = exact.astype(np.float32).astype(np.float64), exact.astype(np.float32)
        else:
            scale = fit_scales(exact[None], bits)
            codes = quantize_rows(exact[None], bits, scale)[0]
            factors = codes * scale.astype(np.float64)
            scales.append(scale)
        stored[name] = codes.reshape(shape.weight_shape[:2])
    return stored | ({"scales": np.concatenate(scales)} if scales else {})


def fit_network_codebook(
    weights: Sequence[np.ndarray],
    templates: int,
    template_bits: int = 32,
    seed: int = 0,
    offset: bool = True,
    criterion: str = "|r|",
) -> np.ndarray:
    """The templates that the layers of a network share, fitted to all their kernels.

    Args:
        weights: one array (n, c/g, kh, kw) a layer, all of one kernel size.
        templates: K.
        template_bits: 1 to 16, or 32.
        seed: of the first templates.
        offset: as in the scheme.
        criterion: one of `CRITERIA`.

    Returns:
        (K, kh, kw) as they are stored: codes, or float32 at 32 bits.

    Raises:
        FittingError: no weights, several kernel sizes or values that are not finite.
    """
    sizes = {array.shape[2:] for array in weights}
    if len(sizes) != 1:
        raise FittingError("a codebook serves layers of one kernel size", str(sorted(sizes)), "fit one for each size")
    size = sizes.pop()
    kernels = np.concatenate([array.reshape(-1, size[0] * size[1]) for array in weights]).astype(np.float64)
    if not np.isfinite(kernels).all():
        raise FittingError("weights are finite", "some that are not", "train again or mend the file")
    directions = fit_templates(kernels, templates, seed, offset, criterion)
    return _quantized_templates(directions, template_bits).reshape(-1, *size)


def fit_templates(
    kernels: np.ndarray,
    templates: int,
    seed: int,
    offset: bool = True,
    criterion: str = "|r|",
    iterations: int = ITERATIONS,
) -> np.ndarray:
    """Directions (K, d^2) of unit length from ``kernels`` (N, d^2); more iterations never fit worse.

    The first templates are kernels drawn at random, by their energy. Templates that no kernel takes are started again
    from the worst-fitted kernels.

    Raises:
        FittingError: an unknown criterion.
    """
    if criterion not in CRITERIA:
        raise FittingError(f"criterion is one of {', '.join(CRITERIA)}", criterion, "choose one of them")
    rows = _centred(kernels, offset)
    generator = np.random.default_rng(seed)
    directions = _first_directions(rows, templates, generator, offset)
    index, along = _nearest(rows, directions, criterion)
    for _ in range(iterations):
        weighted = rows * (along if criterion == "|r|" else np.maximum(along, 0))[:, None]
        sums = np.stack([np.bincount(index, column, minlength=templates) for column in weighted.T], axis=1)
        directions = np.where(np.square(sums).sum(axis=1, keepdims=True) > 0, _unit(sums), directions)
        unused = np.flatnonzero(np.bincount(index, minlength=templates) == 0)
        missed = np.square(rows).sum(axis=1) - np.square(along)
        worst = np.argsort(-missed, kind="stable")[: len(unused)]
        directions[unused[: len(worst)]] = _unit(rows[worst])
        previous = index
        index, along = _nearest(rows, directions, criterion)
        if np.array_equal(previous, index):
            break
    return directions


def _first_directions(rows: np.ndarray, templates: int, generator: np.random.Generator, offset: bool) -> np.ndarray:
    directions = _unit(_centred(generator.standard_normal((templates, rows.shape[1])), offset))
    energy = np.square(rows).sum(axis=1)
    count = min(templates, int(np.count_nonzero(energy)))
    if count:
        chosen = generator.choice(len(rows), count, replace=False, p=energy / energy.sum())
        directions[:count] = _unit(rows[chosen])
    return directions


def _centred(rows: np.ndarray, offset: bool) -> np.ndarray:
    """Rows without their means, and exactly zero where they are constant but for rounding."""
    if not offset:
        return rows
    centred = rows - rows.mean(axis=1, keepdims=True)
    constant = np.square(centred).sum(axis=1) <= FLAT * np.square(rows).sum(axis=1)
    return np.where(constant[:, None], 0.0, centred)


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    return rows / np.where(lengths > 0, lengths, 1.0)


def _nearest(rows: np.ndarray, directions: np.ndarray, criterion: str) -> tuple[np.ndarray, np.ndarray]:
    """The direction of largest |<row, direction>| (or <row, direction>) for each row, and that product."""
    block = max(1, BLOCK_PRODUCTS // len(directions))
    index, along = np.empty(len(rows), np.intp), np.empty(len(rows))
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        products = rows[part] @ directions.T
        index[part] = (np.abs(products) if criterion == "|r|" else products).argmax(axis=1)
        along[part] = np.take_along_axis(products, index[part, None], axis=1)[:, 0]
    return index, along


def _quantized_templates(directions: np.ndarray, bits: int) -> np.ndarray:
    """Directions as stored: of one length, so that one scale serves all, which then is part of the scale of a."""
    if bits == 32:
        return directions.astype(np.float32)
    values = directions.reshape(1, -1)
    return quantize_rows(values, bits, fit_scales(values, bits)).reshape(directions.shape)


def _checked_codebook(codebook: np.ndarray | None, shape: ConvShape, scheme: LinearRepresentation) -> np.ndarray:
    expected, kind = (scheme.templates, *shape.kernel), code_dtype(scheme.template_bits)
    remedy = "make it with fit_network_codebook for the same parameters"
    if codebook is None:
        raise FittingError('codebook="network" takes the network\'s codebook', "none", remedy)
    if codebook.shape != expected or codebook.dtype != kind:
        raise FittingError(f"the codebook is {expected} of {kind}", f"{codebook.shape} of {codebook.dtype}", remedy)
    if not (np.isfinite(codebook).all() if kind == np.float32 else are_codes(codebook, scheme.template_bits)):
        raise FittingError(f"the codebook holds values of {scheme.template_bits} bits", "others", remedy)
    return codebook


def rebuild(shape: ConvShape, scheme: LinearRepresentation, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """a * T + b for every kernel."""
    scales = arrays.get("scales", np.ones(2, np.float32))
    kernels = arrays["templates"].astype(np.float32)[arrays["index"]]
    kernels *= (arrays["a"] * scales[0])[:, :, None, None]
    return kernels + (arrays["b"] * scales[1])[:, :, None, None] if scheme.offset else kernels
