"""Instructions of steps: amounts by hand, the table of a core, and times of layers before there is a program."""

import json
from importlib import resources

import numpy as np
import pytest
import torch
from torch import nn

from costmodels import (
    ConvShape,
    Dense,
    LayerUsage,
    LowRank,
    Pruned,
    SparseBasis,
    StackedBinary,
    load_device,
    network_cost,
)
from explorer.deployment.device_code.instructions.amounts import layer_amounts, step_amounts
from explorer.deployment.device_code.instructions.cycles import CYCLES
from explorer.deployment.device_code.instructions.decoding import decoding_amounts, likely_width
from explorer.deployment.device_code.instructions.likely import likely_step
from explorer.deployment.device_code.instructions.rates import core_rates, known_cores
from explorer.deployment.device_code.program_need import dense_program
from explorer.deployment.device_code.program_time import program_time
from explorer.deployment.device_code.steps import ConvStep
from explorer.networks.trace import trace
from explorer.networks.transposed import spread_transposed
from explorer.system.errors import DeviceCodeError

NOTHING = LayerUsage()
SHAPE = ConvShape(24, 8, (3, 3), (7, 7), (1, 1), (1, 1))


def amounts(shape, scheme, room=1 << 20):
    return layer_amounts(likely_step(shape, scheme, room), shape, scheme, NOTHING)


def test_amounts_of_a_convolution():
    """8 * 9 = 72 weights a filter, 7 * 7 = 49 places in 13 fours; all filters are decoded at once, to 16 bits."""
    found = amounts(SHAPE, Dense(4))
    assert found["values multiplied, 16 bits"] == 24 * 13 * 4 * 72
    assert found["outputs"] == 24 * 49
    assert (found["blocks"], found["columns read"], found["runs read"]) == (1, 49, 49 * 3)
    assert found["decoding dense codes: weights"] == 24 * 72
    assert found["outputs one by one"] == 0


def test_less_scratch_is_more_blocks():
    """Of one filter, of some, of all."""
    found = [amounts(SHAPE, Dense(4), room)["columns read"] for room in (1, 1200, 1 << 20)]
    assert found[0] > found[1] > found[2] == 49


def test_amounts_of_layers_that_are_multiplied_as_they_are_packed():
    tap = ConvShape(16, 32, (1, 1), (5, 5))
    found = amounts(tap, Dense(8))
    assert not [name for name in found if name.startswith("decoding")]
    assert found["values multiplied, 8 bits"] == 16 * 7 * 4 * 32
    line = ConvShape(10, 64, (1, 1), (1, 1))
    assert amounts(line, Dense(8))["values multiplied, 8 bits"] == 640
    assert amounts(line, Pruned(0.25))["decoding pruned bitmap: entries"] == 160


def test_amounts_of_each_channel_by_itself():
    """Two outputs at a time of a row of 7: four turns."""
    found = amounts(ConvShape(8, 8, (3, 3), (7, 7), (1, 1), (1, 1), groups=8), Dense(8))
    assert found["pairs"] == 8 * 7 * 4
    found = amounts(ConvShape(8, 8, (3, 3), (7, 7), (2, 2), (1, 1), groups=8), Dense(8))
    assert (found["outputs"], found["products"]) == (8 * 4 * 4, 8 * 16 * 3 * 4)


def test_amounts_of_a_transposed_convolution():
    """3 by 3 taps, stride 2: of 6 rows three see one row of taps and three see two, which reach beyond the last value;
    so do columns, which is 3 * 3 places with 1, 2, 2 and 4 taps of 8 channels each."""
    shape = ConvShape(24, 8, (3, 3), (8, 8), input_values=(3, 3))
    step = likely_step(shape, Dense(4), 1 << 20, ((2, 2), (1, 1)))
    assert [(one.taps, one.places, one.values) for one in step.phases] == [
        ((1, 1), (3, 3), 8),
        ((1, 2), (3, 3), 16),
        ((2, 1), (3, 3), 16),
        ((2, 2), (3, 3), 32),
    ]
    found = layer_amounts(step, shape, Dense(4), NOTHING)
    assert (step.kernel, step.macs) == ("transposed", 24 * 72 * 9)
    assert found["values multiplied, 16 bits"] == 24 * 3 * 4 * 72  # each row of three places is four columns
    assert (found["blocks"], found["columns read"], found["taps read in_words"]) == (1, 36, 9 * 9)
    assert found["outputs one by one"] == found["outputs"] == 24 * 36
    assert found["decoding dense codes: weights"] == 24 * 72


def test_amounts_of_decoding():
    basis = decoding_amounts(SHAPE, SparseBasis(4, 6, 4, 0.5, 8), NOTHING)
    assert (basis["places"], basis["entries"], basis["products"]) == (24 * 2 * 6, 24 * 6, 24 * 6 * 4 * 9)
    assert decoding_amounts(SHAPE, SparseBasis(4, 6, 4, 0.5, 8), LayerUsage(nonzeros=100))["entries"] == 100
    assert decoding_amounts(SHAPE, LowRank(3), NOTHING)["products"] == 24 * 3 * 8 * 9
    assert decoding_amounts(SHAPE, StackedBinary(4, 8), NOTHING)["entries"] == 24 * 2
    widths = [
        likely_width(scheme) for scheme in (Dense(1), Dense(3), Dense(8), Dense(32), StackedBinary(4, 8), LowRank(2))
    ]
    assert widths == [1, 4, 8, 16, 1, 16]


def test_every_core_was_judged_on_layers_that_no_rate_was_fitted_to():
    table = json.loads((resources.files("explorer.deployment.device_code.instructions") / "rates.json").read_text())[
        "targets"
    ]
    assert set(table) == set(known_cores()) == set(CYCLES) == {"cortex-m0plus", "cortex-m4", "cortex-m7"}
    for core in known_cores():
        rates = core_rates(core)
        apart = table[core]["held_out_transposed"]
        assert (apart["layers"] >= 60, apart["within_10_percent"] >= 0.9) == (True, True)
        assert rates.held_out["layers"] >= 100
        assert rates.held_out["within_10_percent"] >= 0.95
        assert rates.held_out["within_10_percent_before_fitting"] >= 0.9
        assert all(rate > 0 for kernel in rates.rates.values() for rate in kernel.values())
        assert rates.cycles.least <= rates.cycles.usual <= rates.cycles.most
    assert core_rates("cortex-m33") is None
    with pytest.raises(DeviceCodeError, match="magic on cortex-m4; instructions are known of emulated kernels"):
        core_rates("cortex-m4").instructions("magic", {})


class Net(nn.Module):
    """Two layers with a pooling between them and an average behind."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)

    def forward(self, images):
        values = nn.functional.max_pool2d(torch.relu(self.first(images)), 2)
        return torch.relu(self.second(values)).mean((2, 3))


def test_a_transposed_convolution_takes_its_own_time():
    """Its places are not those of a convolution over zeros: fewer instructions than all of its taps at all places."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(2, 16, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(16, 16, 4, 2, 1))
    spread_transposed(module)
    traced = trace(module.eval(), torch.zeros(1, 2, 8, 8), "up")
    time = program_time(dense_program(traced), load_device("stm32l432"))
    assert time.spreads == {"2": ((2, 2), (2, 2))}
    layer = network_cost(traced.spec, Dense(8)).layers[1]
    as_convolution = likely_step(traced.spec.layer("2").shape, Dense(8), time.rooms["2"])
    amounts_of_all = layer_amounts(as_convolution, traced.spec.layer("2").shape, Dense(8), NOTHING)
    assert 0.2 < time.instructions(layer) / time.rates.instructions("conv", amounts_of_all) < 0.6


@pytest.fixture(scope="module")
def timed():
    torch.manual_seed(0)
    traced = trace(Net().eval(), torch.zeros(1, 1, 16, 16), "net")
    program = dense_program(traced)
    return traced, program, program_time(program, load_device("stm32l432"))


def test_a_network_takes_the_time_of_its_layers_and_of_all_between_them(timed):
    traced, program, time = timed
    cost = network_cost(traced.spec, Dense(4))
    elements = {number: tensor.elements for number, tensor in enumerate(program.tensors)}
    others = [step for step in program.steps if not isinstance(step, ConvStep)]
    between = sum(time.rates.instructions(step.kernel, step_amounts(step, elements)) for step in others)
    layers = [
        time.rates.instructions(
            "conv", layer_amounts(likely_step(one.shape, one.scheme, room), one.shape, one.scheme, NOTHING)
        )
        for one, room in zip(cost.layers, time.rooms.values(), strict=True)
    ]
    assert [step.kernel for step in others] == ["max_pool", "sum_pool"]
    found = sum(time.of_cost(layer) for layer in cost.layers)
    assert found == pytest.approx((sum(layers) + between) * 1.42 / 80e6)


def test_what_is_slower_to_decode_takes_longer(timed):
    traced, _, time = timed
    seconds = [
        sum(time.of_cost(layer) for layer in network_cost(traced.spec, {"first": Dense(8), "second": form}).layers)
        for form in (Dense(8), SparseBasis(8, 8, 8, 1.0, 8))
    ]
    assert seconds[0] < seconds[1]


def test_times_say_where_they_come_from(timed):
    _, program, time = timed
    assert "instructions of its C program by a table of emulated layers, times 1.42 cycles (1.14 to 1.64" in time.origin
    assert time.origin.endswith("on one core at 80 MHz")
    assert program_time(program, load_device("stm32f446")).key() != time.key()
    assert program_time(program, load_device("esp32")) is None
    assert np.isfinite(list(time.rest.values())).all()
