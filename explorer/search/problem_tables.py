"""The problem tables of a search: every candidate fitted and costed, with sensitivity proxies."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from costmodels import Scheme
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.second_moments import Moments, layer_moments, noise_to_signal_ratios
from explorer.search.candidate_tables import fitted_candidate_tables
from explorer.search.fitted_space import schemes_to_fit
from explorer.system.inputs import Batch
from explorer.system.progress import Stage
from searches.constraints import Budget
from searches.guided import ProblemTables
from searches.guided.space_tables import make_problem_tables
from searches.objectives import Objective
from searches.space import Space

__all__ = ["fitted_problem_tables"]

TOGETHER = 32
"""Candidates of a layer that are fitted between two steps of the progress bar."""


def fitted_problem_tables(
    evaluator: DesignEvaluator,
    space: Space,
    objectives: Sequence[Objective],
    budgets: Sequence[Budget],
    images: Batch | None,
) -> ProblemTables:
    """The problem tables of a search. Candidates worth a fit are fitted, with a progress bar; fits are cached.

    The sensitivity proxies are both ratios of `explorer.measurement.second_moments.noise_to_signal_ratios`; without
    images the layers' distortions.

    Args:
        evaluator: fits and costs.
        space: of the search.
        objectives: of the search.
        budgets: of the search.
        images: (N, ...), of the training part; None without data.

    Raises:
        SearchError: objectives or budgets that the guided sampler does not take.
    """
    classifies = evaluator.meter is None or evaluator.meter.classifies
    known = evaluator.calibration.layers if evaluator.calibration else ()
    moments: dict[str, Moments] = {}
    if images is not None:
        moments = layer_moments(evaluator.traced, images, evaluator.seed, classifies, known)
    schemes = dict(schemes_to_fit(space, evaluator, objectives, budgets))
    proxies, distortions = {}, {}
    with Stage("fitting candidates", sum(map(len, schemes.values())), "candidate") as bar:
        for layer, own in schemes.items():
            for start in range(0, len(own), TOGETHER):
                batch = own[start : start + TOGETHER]
                evaluator.prepare([(layer, scheme) for scheme in batch])
                bar.update(len(batch))
            parts = {scheme: evaluator.distortion_part(layer, scheme) for scheme in own}
            schemes[layer] = tuple(scheme for scheme, part in parts.items() if math.isfinite(part))
            distortions[layer] = np.array([parts[scheme] for scheme in schemes[layer]])[:, None]
            found = _centred(evaluator, layer, moments.get(layer))
            proxies[layer] = _proxies(evaluator, layer, schemes[layer], found) if found else distortions[layer]
    if len({own.shape[1] for own in proxies.values()}) > 1:  # a layer that no gradient reaches
        proxies = distortions
    tables = fitted_candidate_tables(evaluator, schemes)
    return make_problem_tables(space, tables, objectives, budgets, proxies)


def _centred(evaluator: DesignEvaluator, layer: str, moments: Moments | None) -> Moments | None:
    """Moments of a layer in which the mean error does not count where a normalization or a bias takes it up; as they
    are without a calibration."""
    inputs = evaluator.calibration.layers.get(layer) if evaluator.calibration else None
    return replace(moments, inputs=inputs.moments) if moments and inputs else moments


def _proxies(evaluator: DesignEvaluator, layer: str, schemes: Sequence[Scheme], moments: Moments) -> np.ndarray:
    """Both noise-to-signal ratios of each candidate, shape (candidates, 2)."""
    candidates = (evaluator.at_scale(layer, scheme) for scheme in schemes)
    return noise_to_signal_ratios(moments, evaluator.traced.weights[layer], candidates)
