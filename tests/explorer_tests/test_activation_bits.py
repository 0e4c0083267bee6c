"""Activation bits as an axis of the search: one width for each design, down to one bit, measured and counted."""

import json
import pickle

import pandas as pd
import pytest
import torch

from costmodels import Dense, network_cost
from explorer.config.search import make_config
from explorer.finetuning.activations import ActivationQuantizer
from explorer.forms.fit_cache import FitCache
from explorer.measurement.activation_ranges import ActivationRange, fake_quantize
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.quality_meter import QualityMeter
from explorer.runs.reopen import reopen
from explorer.system.errors import ConfigError
from searches.design import Design
from searches.initial_designs import initial_design_levels
from searches.space import ACTIVATIONS, Space, build_space

BY_COST = (
    *("--activation-bits", "8,2,1", "--objectives", "accuracy,bit-ops", "--schemes", "dense", "--trials", "10"),
    *("--calibration-images", "0", "--validation-images", "60"),
)
"""Ten trials: the initial designs, which have every width."""


def test_one_bit_is_a_sign_between_zero_and_the_range() -> None:
    values = torch.tensor([-1.0, 0.0, 0.9, 1.1, 2.0, 7.0])
    found = ActivationRange(0.0, 2.0)
    scale, zero = found.scale(1), found.zero_point(1)
    assert (scale, zero) == (2.0, 0)
    rounded = fake_quantize(values.clone(), scale, zero, 1)
    assert rounded.tolist() == [0, 0, 0, 2, 2, 2]
    assert torch.equal(rounded, scale * (1 + torch.sign(values - scale / 2)) / 2)
    below = ActivationRange(-2.0, 0.0)
    assert fake_quantize(-values, below.scale(1), below.zero_point(1), 1).tolist() == [0, 0, 0, -2, -2, -2]


def test_the_gradient_of_one_bit_is_clipped() -> None:
    values = torch.tensor([-0.1, 0.1, 1.9, 2.1], requires_grad=True)
    ActivationQuantizer(ActivationRange(0.0, 2.0), 1)(values).sum().backward()
    assert values.grad.tolist() == [0, 1, 1, 0]


def test_a_design_of_another_width_is_another_design() -> None:
    schemes = {"layer": Dense(4)}
    wide, narrow = Design(schemes, 8), Design(schemes, 1)
    assert len({Design(schemes).id, wide.id, narrow.id}) == 3
    again = pickle.loads(pickle.dumps(narrow))  # noqa: S301 (how designs reach the processes that measure)
    assert (dict(again.schemes), again.activation_bits) == (schemes, 1)


def test_widths_are_an_axis_of_the_space(traced_digits) -> None:
    layers = build_space(traced_digits.spec).layers
    plain, space = Space(layers), Space(layers, (8, 2, 1))
    assert space.size == 3 * plain.size
    assert space.parameters() == {ACTIVATIONS: (1, 2, 8), **plain.parameters()}
    levels = list(initial_design_levels(space))
    assert [one[ACTIVATIONS] for one in levels] == [8] * (len(levels) - 2) + [2, 1]
    assert len(levels) == len(list(initial_design_levels(plain))) + 2
    assert space.design(levels[-1]).activation_bits == 1


def test_every_width_is_measured_and_counted(traced_digits, digits, tmp_path) -> None:
    """Fewer bits cost less and answer worse; one bit still tells digits apart better than chance."""
    evaluator = DesignEvaluator(traced_digits, 8, 0, FitCache(tmp_path), QualityMeter(traced_digits, digits), workers=1)
    schemes = {layer.name: Dense(8) for layer in traced_digits.spec.layers}
    found = {}
    for bits in (8, 2, 1):
        found[bits] = figures = evaluator.figures(Design(schemes, bits))
        cost = network_cost(traced_digits.spec, schemes, bits)
        for name in ("bit_ops", "sram_bytes", "traffic_bytes", "flash_bytes"):
            assert figures[name] == getattr(cost, name)
        weights = {name: evaluator.reconstructed(name, scheme) for name, scheme in schemes.items()}
        measured = QualityMeter(traced_digits, digits, bits).measure(weights)
        assert (figures["activation_bits"], figures["accuracy"], figures["loss"]) == (
            bits,
            measured.accuracy,
            measured.loss,
        )
    assert found[8]["bit_ops"] == 8 * found[1]["bit_ops"]
    assert found[8]["accuracy"] > found[1]["accuracy"] > 0.2
    assert evaluator.figures(Design(schemes))["accuracy"] == found[8]["accuracy"]


def test_a_search_chooses_the_width(search, run_filterfront, tmp_path) -> None:
    folder = tmp_path / "run"
    search(folder, *BY_COST)
    trials, front = (pd.read_csv(folder / f"{name}.csv", dtype={"design": str}) for name in ("trials", "front"))
    assert {8, 2, 1} <= set(trials["activation_bits"])
    for _, row in front.tail(3).iterrows():
        plain = json.loads((folder / "designs" / f"{row['design']}.json").read_text())
        assert plain["activation_bits"] == row["activation_bits"]
        again = reopen(folder, row["design"]).design(row["design"])
        assert (again.id, again.activation_bits) == (row["design"], row["activation_bits"])
    info = json.loads((folder / "run.json").read_text())
    assert info["activation_widths"] == [8, 2, 1]
    assert "several widths of activations were searched" in info["gap"]["reason"]
    refused = search(folder, *BY_COST, "--activation-bits", "8", "--resume", code=2)
    assert "activation_bits: [8, 2, 1] then, 8 now" in refused.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"activation_bits": "8,17"}, "--activation-bits: got 17; activation_bits is 1 to 16, or 32"),
        ({"activation_bits": "8,4", "sampler": "guided"}, "--sampler guided counts with one width"),
        ({"activation_bits": "8,4", "max_latency": "5ms"}, "latency is predicted for one width of activations"),
        ({"activation_bits": ","}, "--activation-bits: got ','; a width, or several by commas"),
    ],
)
def test_widths_that_cannot_be_searched_are_refused(options, said) -> None:
    with pytest.raises(ConfigError) as caught:
        make_config(**options)
    assert said in str(caught.value)


def test_several_widths_are_read_back_from_a_runs_configuration() -> None:
    config = make_config(activation_bits=" 2, 8,1 ")
    assert (config.activation_bits, config.activation_widths, config.least_activation_bits) == (8, (8, 2, 1), 1)
    assert make_config(**config.to_json() | {"out": None}) == make_config(
        activation_bits="8,2,1", data="digits", device="stm32l432", objectives="accuracy,flash"
    )
    assert make_config(activation_bits="4").searched_bits == 4
