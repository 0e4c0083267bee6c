"""Which candidates of a large space are fitted, and what leaving the others out loses."""

import numpy as np
import pytest
import torch
from torch import nn

from costmodels import Dense
from explorer.forms.fit_cache import FitCache
from explorer.measurement import layer_part
from explorer.measurement.calibration import calibrate
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.layer_part import part_of
from explorer.networks.trace import trace
from explorer.search import fitted_space
from explorer.search.fitted_space import fit_space, schemes_to_fit
from explorer.search.worth_fitting import _costs
from searches.candidate_tables import candidate_tables
from searches.candidates import Candidates
from searches.constraints import Budget
from searches.design import Design
from searches.objectives import find_objectives
from searches.pairs import pair_front
from searches.promising import promising
from searches.space import build_space

GRID = {
    "dense": {"weight_bits": (1, 2, 4, 8)},
    "stacked-binary": {"segments": (2, 4), "filters": ("1/2", "1/4"), "scale": ("filter",)},
    "sparse-basis": {
        "segments": (1, 2),
        "filters": ("1/2",),
        "basis_bits": (2,),
        "density": (0.25, 0.5),
        "coefficient_bits": (2, 4),
    },
    "pruned": {"density": (0.5,), "weight_bits": (8,)},
    "palettized": {"bits": (2, 3)},
    "linear-representation": {"templates": (8,), "coefficient_bits": (4,), "template_bits": (4,)},
}


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory):
    torch.manual_seed(0)
    layers = (
        nn.Conv2d(3, 16, 3),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, groups=32),
        nn.Flatten(),
    )
    images = torch.rand(24, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    traced = trace(nn.Sequential(*layers).eval(), images[:1], "three")
    calibration = calibrate(traced, images, True)
    return DesignEvaluator(traced, 8, 0, FitCache(tmp_path_factory.mktemp("fits")), workers=1, calibration=calibration)


def test_a_candidate_is_left_out_for_one_that_is_far_better_and_no_dearer():
    costs = np.array([[8.0, 1.0], [8.0, 1.0], [9.0, 0.5], [9.0, 2.0], [9.0, 2.0]])
    errors = np.array([0.1, 0.2, 0.4, 0.15, np.nan])
    # The second has twice the error of the first; the third is cheaper in one; the fourth is not far worse; of the
    # last nothing is known.
    assert promising(costs, errors, 2).tolist() == [True, False, True, True, True]
    assert promising(costs, errors, 1.0).tolist() == [True, False, True, False, True]
    assert promising(costs[:2], np.zeros(2), 2).tolist() == [True, True]
    # Within a kind a twentieth more is too much, here of the second: 0.2 > 1.05 * 0.1; the fourth is of another kind.
    kinds = ["a", "a", "a", "b", "a"]
    assert promising(costs, errors, 2, kinds, 1.05).tolist() == [True, False, True, True, True]
    assert promising(costs[:2], np.array([0.1, 0.104]), 2, ["a", "a"], 1.05).tolist() == [True, True]


def test_a_part_has_the_same_shares_and_the_metric_of_its_own_values(evaluator, monkeypatch):
    monkeypatch.setattr(layer_part, "LEAST_WEIGHTS", 1000)  # 32*16*9 = 4,608 weights, a quarter of them in a part
    space = build_space(evaluator.traced.spec, GRID)
    layer, inputs = space.layers[1], evaluator.calibration.layers["2"]
    part = part_of(layer, evaluator.traced.weights["2"], (inputs.metric, inputs.judge))
    assert part.shape.weight_shape == part.weights.shape == (16, 8, 3, 3)
    assert np.array_equal(part.weights, evaluator.traced.weights["2"][::2, ::2])
    places = [9 * channel + place for channel in range(0, 16, 2) for place in range(9)]
    assert np.array_equal(part.metrics[1].matrix[0], inputs.judge.matrix[0][np.ix_(places, places)])
    for whole, own in zip(layer.candidates, part.schemes, strict=True):
        if whole.name == "stacked-binary":
            assert (own.filters, own.segment_channels) == (whole.filters // 2, whole.segment_channels // 2)
    assert part_of(space.layers[0], evaluator.traced.weights["0"], None) is None  # 3 channels
    assert part_of(space.layers[2], evaluator.traced.weights["4"], None) is None  # groups


def test_a_larger_part_is_of_large_layers_alone(evaluator, monkeypatch):
    space, weights = build_space(evaluator.traced.spec, GRID), evaluator.traced.weights["2"]
    monkeypatch.setattr(layer_part, "LARGER_WEIGHTS", 250)  # 4,608 weights: an eighth of both leaves 72, a quarter 288
    larger = part_of(space.layers[1], weights, None, is_larger=True)
    assert larger.weights.shape == (8, 4, 3, 3)
    monkeypatch.setattr(layer_part, "LARGER_WEIGHTS", 300)
    assert part_of(space.layers[1], weights, None, is_larger=True) is None
    errors = evaluator.part_errors(space.layers[1], space.layers[1].candidates[:3], is_larger=True)
    assert errors is None
    monkeypatch.setattr(layer_part, "LARGER_WEIGHTS", 250)
    errors = evaluator.part_errors(space.layers[1], space.layers[1].candidates[:3], is_larger=True)
    assert np.isfinite(errors[:3]).all()
    assert np.isnan(errors[3:]).all()  # they are not asked for


def test_sram_within_its_budget_keeps_no_candidate(evaluator):
    space = build_space(evaluator.traced.spec, GRID)
    schemes = {layer.name: layer.candidates for layer in space.layers}
    table = candidate_tables(evaluator.traced.spec, schemes, 8).layers[1]
    sram = table.columns["sram_bytes"]
    limit = int(np.median(sram))
    budget = Budget("SRAM", "sram_bytes", limit, "bytes")
    costs = _costs(table, find_objectives(["noise", "storage"], False), (budget,))
    assert np.array_equal(costs[:, -1], np.maximum(sram, limit))
    assert (sram < limit).any()
    costs = _costs(table, find_objectives(["noise", "sram"], False), (budget,))
    assert np.array_equal(costs[:, -1], sram)


def test_what_parts_leave_out_is_on_no_front(evaluator, monkeypatch):
    monkeypatch.setattr(layer_part, "LEAST_WEIGHTS", 1000)
    monkeypatch.setattr(fitted_space, "WHOLE_WEIGHTS", 0)
    monkeypatch.setattr(evaluator, "worth_fitting", None)
    space, objectives = build_space(evaluator.traced.spec, GRID), find_objectives(["noise", "storage"], False)
    chosen = schemes_to_fit(space, evaluator, objectives, ())
    assert chosen["0"] == space.layers[0].candidates
    assert {scheme.name for scheme in space.layers[1].candidates if scheme not in chosen["2"]} >= {"pruned"}
    assert {scheme for scheme in space.layers[1].candidates if isinstance(scheme, Dense)} <= set(chosen["2"])
    assert schemes_to_fit(space, evaluator, (), ()) is chosen  # found once
    left_out = next(scheme for scheme in space.layers[1].candidates if scheme not in chosen["2"])
    some = fit_space(space, evaluator, objectives)
    design = Design({layer.name: layer.candidates[0] for layer in space.layers} | {"2": left_out})
    assert left_out in fit_space(space, evaluator, objectives, designs=[design]).layers[1].schemes
    monkeypatch.setattr(fitted_space, "WHOLE_WEIGHTS", 10**9)
    every = fit_space(space, evaluator, objectives)
    assert size(every) == sum(len(layer.candidates) for layer in space.layers) > size(some)
    fronts = [pair_front(tables, ("storage_bytes", "noise"), {}).front.figures for tables in (every, some)]
    assert all(np.array_equal(fronts[0][name], fronts[1][name]) for name in ("storage_bytes", "noise"))


def size(tables: Candidates) -> int:
    return sum(len(table.schemes) for table in tables.layers)
