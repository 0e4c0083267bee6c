"""The problem tables of a search: every candidate fitted and costed, with sensitivity proxies."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.second_moments import Moments, layer_moments, noise_to_signal_ratios
from explorer.search.candidate_tables import fitted_candidate_tables
from explorer.system.progress import Stage
from searches.constraints import Budget
from searches.guided import ProblemTables
from searches.guided.space_tables import make_problem_tables
from searches.objectives import Objective
from searches.space import LayerSpace, Space

__all__ = ["fitted_problem_tables"]


def fitted_problem_tables(
    evaluator: DesignEvaluator,
    space: Space,
    objectives: Sequence[Objective],
    budgets: Sequence[Budget],
    images: Tensor | None,
) -> ProblemTables:
    """The problem tables of a search. Every candidate of every layer is fitted, with a progress bar; fits are cached.

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
    moments = layer_moments(evaluator.traced, images, evaluator.seed, classifies) if images is not None else {}
    total = sum(len(layer.candidates) for layer in space.layers)
    proxies, distortions = {}, {}
    with Stage("fitting every candidate", total, "candidate") as bar:
        for layer in space.layers:
            evaluator.prepare([(layer.name, scheme) for scheme in layer.candidates])
            parts = [evaluator.distortion_part(layer.name, scheme) for scheme in layer.candidates]
            distortions[layer.name] = np.array(parts)[:, None]
            found = _centred(evaluator, layer.name, moments.get(layer.name))
            proxies[layer.name] = _proxies(evaluator, layer, found) if found else distortions[layer.name]
            bar.update(len(layer.candidates))
    if len({own.shape[1] for own in proxies.values()}) > 1:  # a layer that no gradient reaches
        proxies = distortions
    tables = fitted_candidate_tables(evaluator, {layer.name: layer.candidates for layer in space.layers})
    return make_problem_tables(space, tables, objectives, budgets, proxies)


def _centred(evaluator: DesignEvaluator, layer: str, moments: Moments | None) -> Moments | None:
    """Moments of a layer in which the mean error does not count where a normalization or a bias takes it up; as they
    are without a calibration."""
    inputs = evaluator.calibration.layers.get(layer) if evaluator.calibration else None
    return replace(moments, inputs=inputs.moments) if moments and inputs else moments


def _proxies(evaluator: DesignEvaluator, layer: LayerSpace, moments: Moments) -> np.ndarray:
    """Both noise-to-signal ratios of each candidate, shape (candidates, 2)."""
    candidates = (evaluator.reconstructed(layer.name, scheme) for scheme in layer.candidates)
    return noise_to_signal_ratios(moments, evaluator.traced.weights[layer.name], candidates)
