"""A design space as candidate tables: every candidate fitted, with its counts, its distortion and its time."""

import math
from collections.abc import Mapping, Sequence

from costmodels import Scheme
from explorer.measurement.design_evaluator import DesignEvaluator
from searches.candidate_tables import candidate_tables
from searches.candidates import Candidates
from searches.figures import DISTORTION, NOISE

__all__ = ["fitted_candidate_tables"]


def fitted_candidate_tables(evaluator: DesignEvaluator, schemes: Mapping[str, Sequence[Scheme]]) -> Candidates:
    """The candidate tables of these schemes of each layer, with the counts of the fitted layers.

    Their proxies are what a candidate adds to the network's distortion and, where the evaluator gives them, to its
    output noise and its latency. Candidates without a finite distortion are left out: a design with one has no
    distortion, and is never measured.

    Args:
        evaluator: fits the layers that are not fitted yet.
        schemes: the candidates by layer.

    Raises:
        SearchError: a layer is left without a candidate.
    """
    parts = {name: {scheme: evaluator.distortion_part(name, scheme) for scheme in own} for name, own in schemes.items()}
    kept = {name: {scheme: part for scheme, part in own.items() if math.isfinite(part)} for name, own in parts.items()}
    proxies = {DISTORTION: {name: list(own.values()) for name, own in kept.items()}}
    if evaluator.gives_noise:
        proxies[NOISE] = {name: [evaluator.noise_part(name, scheme) for scheme in own] for name, own in kept.items()}
    return candidate_tables(
        evaluator.traced.spec,
        {name: list(own) for name, own in kept.items()},
        evaluator.activation_bits,
        evaluator.usage,
        evaluator.sram_limit_bytes,
        proxies,
        evaluator.latency,
    )
