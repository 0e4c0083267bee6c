"""Linear representation of kernels: the best template for each kernel, then its a and b.

A kernel x is fitted as a*T + b with a = cov(x,T)/var(T) and b = mean(x) - a*mean(T), which leaves the squared error
d^2*var(x)*(1 - r^2): so the template of largest |r| is the best one (derived; whether the paper takes r or |r| is
unknown, ``criterion`` is the switch). Without b the same holds with values that are not centred, and cosines in place
of r. Templates follow from `explorer.forms.linear_representation.templates`. At the end templates, indices, a and b
descend together, as they are stored (`explorer.forms.linear_representation.metric_fit`).

Arrays: ``templates`` (K, kh, kw), codes of `costmodels.codes` or float32, whose scale is part of a;
``index`` (n, c/g) integers below K; ``a`` and, with an offset, ``b`` (n, c/g), codes or float32; ``scales`` float32,
of a and of b, where these are quantized. The templates of ``codebook="network"`` are stored once for all layers, and
uncounted ones nowhere: here they are part of the arrays, since the weights need them.
"""

from collections.abc import Mapping

import numpy as np

from costmodels.conventions import FLOAT_BITS
from costmodels.schemes import LinearRepresentation
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import Arrays
from explorer.forms.linear_representation import metric_fit
from explorer.forms.linear_representation.codebook import checked_codebook
from explorer.forms.linear_representation.metric_fit import Parts
from explorer.forms.linear_representation.templates import (
    centred,
    fit_templates,
    nearest_template,
    quantized_templates,
    unit,
)
from explorer.forms.metric import Metric
from explorer.forms.quantizer import fit_scales, quantize_rows

__all__ = ["fit", "reconstruct", "refit"]

FEW_KERNELS, MORE_STARTS, MOST_DESCENDED = 64, 40, 4
"""Layers of so few kernels are begun from so many more k-means; the best of them descend on."""


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
        return _from_templates(kernels, checked_codebook(codebook, shape, scheme), shape, scheme, criterion)
    more = MORE_STARTS if shape.kernels <= FEW_KERNELS else 0
    starts = []
    for one in (seed, *np.random.SeedSequence(seed).generate_state(more)):
        directions = fit_templates(kernels, scheme.templates, int(one), scheme.offset, criterion)
        templates = quantized_templates(directions, scheme.template_bits).reshape(-1, *shape.kernel)
        starts.append(_from_templates(kernels, templates, shape, scheme, criterion))

    def error(arrays: Arrays) -> float:
        return float(np.square(reconstruct(shape, scheme, arrays) - weights).sum())

    best = sorted(starts, key=error)[:MOST_DESCENDED]
    if criterion == "|r|":
        plain = Metric(np.ones((shape.groups, shape.group_inputs * shape.kernel_area)))
        best = [refit(weights, shape, scheme, arrays, seed, plain) for arrays in best]
        if scheme.coefficient_bits == FLOAT_BITS:  # the descent sets a and b by turns: both are known at once
            best = [_from_templates(kernels, arrays["templates"], shape, scheme, criterion) for arrays in best]
    return min(best, key=error)


def _from_templates(
    kernels: np.ndarray, templates: np.ndarray, shape: ConvShape, scheme: LinearRepresentation, criterion: str
) -> Arrays:
    """The best index, a and b for templates (K, kh, kw)."""
    flat = templates.reshape(scheme.templates, -1).astype(np.float64)
    rows, patterns = centred(kernels, scheme.offset), centred(flat, scheme.offset)
    index = nearest_template(rows, unit(patterns), criterion)[0]
    energy = np.square(patterns).sum(axis=1)
    factors = np.einsum("ij,ij->i", rows, patterns[index]) / np.where(energy > 0, energy, 1.0)[index]
    arrays = {
        "templates": templates,
        "index": index.reshape(shape.out_channels, -1).astype(np.min_scalar_type(scheme.templates - 1)),
    }
    return arrays | _coefficients(kernels.mean(axis=1), flat.mean(axis=1)[index], factors, shape, scheme)


def refit(
    weights: np.ndarray, shape: ConvShape, scheme: LinearRepresentation, arrays: Arrays, seed: int, metric: Metric
) -> Arrays:
    """The same in a metric, see `explorer.forms.linear_representation.metric_fit`."""
    slots = shape.groups, -1, shape.group_inputs
    b = arrays["b"] if scheme.offset else np.zeros_like(arrays["a"])
    steps = np.ones(2)
    steps[: len(arrays.get("scales", ()))] = arrays.get("scales", np.ones(0, np.float32))
    start = Parts(
        templates=arrays["templates"].reshape(scheme.templates, -1).astype(np.float64),
        index=arrays["index"].reshape(slots).astype(np.int64),
        codes=np.stack([arrays["a"].reshape(slots), b.reshape(slots)], axis=3).astype(np.float64),
        steps=steps,
    )
    widths = scheme.coefficient_bits, scheme.template_bits
    parts = metric_fit.refit(weights, metric, start, *widths, scheme.offset, scheme.codebook == "network")
    found = {
        "templates": parts.templates.reshape(arrays["templates"].shape),
        "index": parts.index,
        **{name: parts.codes[..., place] for place, name in enumerate(("a", "b") if scheme.offset else ("a",))},
        **({"scales": parts.steps[: len(arrays["scales"])]} if "scales" in arrays else {}),
    }
    return {name: values.reshape(arrays[name].shape).astype(arrays[name].dtype) for name, values in found.items()}


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


def reconstruct(shape: ConvShape, scheme: LinearRepresentation, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """a * T + b for every kernel."""
    scales = arrays.get("scales", np.ones(2, np.float32))
    kernels: np.ndarray = arrays["templates"].astype(np.float32)[arrays["index"]]
    kernels *= (arrays["a"] * scales[0])[:, :, None, None]
    if scheme.offset:
        kernels = kernels + (arrays["b"] * scales[1])[:, :, None, None]
    return kernels
