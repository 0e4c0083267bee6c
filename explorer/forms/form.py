"""What a compressed form is on the side of the network: how it is fitted, what its arrays stand for, how it is trained.

Legend: as in `costmodels.schemes.base`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from costmodels.schemes import Scheme
from costmodels.shapes import ConvShape
from explorer.forms.compressed_layer import CompressedLayer
from explorer.forms.fitted_layer import Arrays
from explorer.forms.metric import Metric
from explorer.system.errors import FittingError

__all__ = ["Examples", "Fit", "Form", "Refit", "by_scheme"]

Examples = Callable[[ConvShape], Sequence[Scheme]]
"""Schemes with parameters that a layer can take; none where it can take no scheme of the form."""


class Fit(Protocol):
    """The function that fits a form."""

    def __call__(
        self,
        weights: np.ndarray,
        shape: ConvShape,
        scheme: Any,
        seed: int,
        codebook: np.ndarray | None = None,
    ) -> Arrays:
        """What would be stored, of small squared error of the weights.

        Args:
            weights: (n, c/g, kh, kw) in float64, finite.
            shape: the layer; it can take the scheme.
            scheme: one of the form's.
            seed: of every random choice.
            codebook: what the layers of a network share, where the scheme asks for it.
        """


class Refit(Protocol):
    """The function that fits a form in the metric of a layer's inputs."""

    def __call__(
        self, weights: np.ndarray, shape: ConvShape, scheme: Any, arrays: Arrays, seed: int, metric: Metric
    ) -> Arrays:
        """What would be stored, of small error in the metric, never of a greater one than the start's.

        Args:
            weights: (n, c/g, kh, kw) in float64, finite.
            shape: the layer.
            scheme: one of the form's.
            arrays: the start, which `Fit` made for these weights.
            seed: of every random choice.
            metric: what errors of the weights cost.
        """


@dataclass(frozen=True)
class Form:
    """A compressed form. Each folder of `explorer.forms` declares one, as ``FORM``.

    Args:
        schemes: its schemes in `costmodels.schemes`.
        fit: from weights to the arrays that would be stored.
        refit: from these to others that are better in the metric of a layer's inputs.
        reconstruct: (shape, scheme, arrays) -> the weights (n, c/g, kh, kw), float32, that the arrays stand for.
        layer: trains it.
        examples: of every scheme at least one, the parameters that change what is stored in turn; the contract suites
            fit them to layers of every kind.
        trained_examples: those whose training the contract suite follows.
        fit_shared: (weights of all layers that could share it, scheme, seed) -> the codebook that is stored once for a
            network; None where the layers share nothing.
    """

    schemes: tuple[type[Scheme], ...]
    fit: Fit
    refit: Refit
    reconstruct: Callable[[ConvShape, Any, Mapping[str, np.ndarray]], np.ndarray]
    layer: type[CompressedLayer]
    examples: Examples
    trained_examples: Examples
    fit_shared: Callable[[Sequence[np.ndarray], Any, int], np.ndarray] | None = None


def by_scheme(forms: Iterable[Form], schemes: Iterable[type[Scheme]]) -> Mapping[type[Scheme], Form]:
    """The form of every scheme.

    Args:
        forms: all there are.
        schemes: all there are.

    Returns:
        By scheme, in the order of the schemes.

    Raises:
        FittingError: a scheme has no form, or several, or a form is of an unknown scheme.
    """
    found: dict[type[Scheme], Form] = {}
    for form in forms:
        for scheme in form.schemes:
            if scheme in found:
                raise FittingError("a scheme has one form", f"several of {scheme.name}", "leave one in explorer/forms")
            found[scheme] = form
    wanted = tuple(schemes)
    if missing := [scheme.name for scheme in wanted if scheme not in found]:
        remedy = "declare a FORM with its fit and its trainable layer in a folder of explorer/forms"
        raise FittingError("every scheme has a form", f"none of {', '.join(missing)}", remedy)
    if unknown := [scheme.__name__ for scheme in found if scheme not in wanted]:
        remedy = "list the scheme in costmodels.schemes.SCHEMES"
        raise FittingError("a form is of schemes that are known", ", ".join(unknown), remedy)
    return MappingProxyType({scheme: found[scheme] for scheme in wanted})
