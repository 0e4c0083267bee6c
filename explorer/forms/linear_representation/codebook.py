"""Codebook: the templates that the layers of a network share."""

from collections.abc import Sequence

import numpy as np

from costmodels.codes import are_codes, code_dtype
from costmodels.schemes import LinearRepresentation
from costmodels.shapes import ConvShape
from explorer.forms.linear_representation.templates import fit_templates, quantized_templates
from explorer.system.errors import FittingError

__all__ = ["checked_codebook", "fit_network_codebook", "fit_shared_codebook"]


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
    return quantized_templates(directions, template_bits).reshape(-1, *size)


def fit_shared_codebook(weights: Sequence[np.ndarray], scheme: LinearRepresentation, seed: int) -> np.ndarray:
    """`fit_network_codebook` with the parameters of a scheme whose codebook the network stores.

    Args:
        weights: one array (n, c/g, kh, kw) a layer, all of one kernel size.
        scheme: its templates, their bits and whether kernels have an offset.
        seed: of the first templates.

    Raises:
        FittingError: as `fit_network_codebook`.
    """
    return fit_network_codebook(weights, scheme.templates, scheme.template_bits, seed, scheme.offset)


def checked_codebook(codebook: np.ndarray | None, shape: ConvShape, scheme: LinearRepresentation) -> np.ndarray:
    """A network's codebook (K, kh, kw), if it is one for this layer and scheme.

    Raises:
        FittingError: there is none, or it has another shape, type or values.
    """
    expected, kind = (scheme.templates, *shape.kernel), code_dtype(scheme.template_bits)
    remedy = "make it with fit_network_codebook for the same parameters"
    if codebook is None:
        raise FittingError('codebook="network" takes the network\'s codebook', "none", remedy)
    if codebook.shape != expected or codebook.dtype != kind:
        raise FittingError(f"the codebook is {expected} of {kind}", f"{codebook.shape} of {codebook.dtype}", remedy)
    if not (np.isfinite(codebook).all() if kind == np.float32 else are_codes(codebook, scheme.template_bits)):
        raise FittingError(f"the codebook holds values of {scheme.template_bits} bits", "others", remedy)
    return codebook
