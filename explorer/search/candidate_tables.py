"""A design space as candidate tables: every candidate fitted, with its counts, its distortion and its time."""

import math
from collections.abc import Mapping, Sequence

from costmodels import Scheme
from explorer.measurement.design_evaluator import DesignEvaluator
from searches.candidates import Candidates, candidate_tables
from searches.objectives import NOISE

__all__ = ["DISTORTION", "space_tables"]

DISTORTION = "distortion"
"""The proxy of all tables: what a candidate adds to the network's distortion. Output noise is another where it is
wanted."""


def space_tables(evaluator: DesignEvaluator, schemes: Mapping[str, Sequence[Scheme]]) -> Candidates:
    """The tables of these schemes of each layer, with the counts of the fitted layers; those not fitted yet are.

    Candidates without a finite distortion are left out: a design with one has no distortion, and is never measured.

    Raises:
        SearchError: a layer is left without a candidate.
    """
    parts = {name: {scheme: evaluator.distortion_part(name, scheme) for scheme in own} for name, own in schemes.items()}
    kept = {name: {scheme: part for scheme, part in own.items() if math.isfinite(part)} for name, own in parts.items()}
    proxies = {DISTORTION: {name: list(own.values()) for name, own in kept.items()}}
    if evaluator.noise is not None:
        proxies[NOISE] = {name: [evaluator.noise_part(name, scheme) for scheme in own] for name, own in kept.items()}
    network, bits = evaluator.traced.spec, evaluator.activation_bits
    limit = evaluator.sram_limit_bytes
    finite = {name: list(own) for name, own in kept.items()}
    return candidate_tables(network, finite, bits, evaluator.usage, limit, proxies, evaluator.latency)
