"""What a program takes beyond its design's figures is never more than the need that budgets take off."""

import numpy as np
import pytest
import torch
from torch import nn

from costmodels import Dense, EntropyCoded, LowRank, Palettized, SparseBasis, StackedBinary, Ternary, network_cost
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.samples import random_arrays, random_scheme, random_shape
from costmodels.schemes import SCHEMES
from explorer.device_code.code_bytes import kernel_sources, predicted_code
from explorer.device_code.folder import c_folder
from explorer.device_code.forms import CODED_FORMS, coded_filters
from explorer.device_code.forms.bounds import FORM_BOUNDS, growth_bytes
from explorer.device_code.program import _fields
from explorer.device_code.program_need import program_needs
from explorer.device_code.reading import integer_network
from explorer.forms.fitting import fit
from explorer.measurement.activation_ranges import measure_activation_ranges
from explorer.networks.trace import trace
from explorer.packed.network import pack_network


def test_every_form_in_c_has_bounds():
    assert set(FORM_BOUNDS) == set(CODED_FORMS)


def streams(facts):
    """The streams of a structure, each once."""
    for fact in facts.values():
        if isinstance(fact, dict):
            yield from streams(fact)
        elif hasattr(fact, "data"):
            yield fact


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=lambda kind: kind.name)
def test_no_layer_takes_more_than_the_bounds_of_its_form(kind):
    for turn in range(24):
        generator = np.random.default_rng([3, turn, *kind.name.encode()])
        shape = random_shape(kind, generator, (1, 3, 8, 17)[turn % 4])
        scheme = random_scheme(kind, shape, generator, 9)
        packed = pack_layer(shape, scheme, random_arrays(shape, scheme, generator))
        coded, bound = coded_filters(packed, 255, "layer"), FORM_BOUNDS[kind.name]
        found = set(streams(coded.facts))
        stored = sum(len(stream.data) for stream in found)
        shared = sum(len(stream.data) for stream in packed.shared.values())
        assert coded.kernel == bound.kernel
        assert _fields(coded.facts) == bound.words
        assert coded.work_bytes <= bound.work_bytes(scheme)
        assert len(found) <= 4
        assert stored <= packed.payload_bytes + shared + growth_bytes(scheme, shape), scheme


class Net(nn.Module):
    """Every kind of step: a convolution, one of each channel, of one tap, pooling, an addition, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.each = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.tap = nn.Conv2d(16, 16, 1)
        self.last = nn.Linear(16 * 16, 5)

    def forward(self, images):
        values = torch.relu(self.first(images))
        values = values + torch.relu(self.tap(torch.relu(self.each(values))))
        values = nn.functional.avg_pool2d(nn.functional.max_pool2d(values, 2), 2)
        return self.last(values.flatten(1))


OFFERED = {
    "first": [Dense(8), Dense(2), Palettized(4), EntropyCoded(3.0)],
    "each": [Dense(8), Dense(4)],
    "tap": [
        Dense(8),
        Ternary(),
        LowRank(4),
        SparseBasis(4, 8, 4, 0.5, 4),
        StackedBinary(4, 8, scale="segment", scale_bits=8),
    ],
    "last": [Dense(8), Dense(1), LowRank(2), StackedBinary(64, 3)],
}


@pytest.fixture(scope="module")
def traced():
    torch.manual_seed(0)
    return trace(Net().eval(), torch.zeros(1, 3, 16, 16), "net")


@pytest.mark.parametrize("turn", range(5))
def test_a_design_that_fits_by_count_fits_as_it_is_planned(traced, turn):
    needs = {need.target: need for need in program_needs(traced, OFFERED, 8)}
    schemes = {name: offered[turn % len(offered)] for name, offered in OFFERED.items()}
    layers = {one.name: fit(traced.weights[one.name], one.shape, schemes[one.name]) for one in traced.spec.layers}
    cost = network_cost(traced.spec, schemes, 8, {name: layer.usage for name, layer in layers.items()})
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 16, 16)).astype(np.float32))
    network = integer_network(pack_network(traced, layers, measure_activation_ranges(traced, images, 8)))
    folder = c_folder(network, "", network.levels_of([images.numpy()]))
    program = folder.program
    constants = program.packed_bytes + program.number_bytes + program.plan_bytes
    assert {"cortex-m0plus", "cortex-m4", "cortex-m7"} <= set(needs)
    for target, need in needs.items():
        code = predicted_code(target, kernel_sources(folder.files), len(network.steps))
        assert constants <= cost.flash_bytes + need.table_bytes
        assert code.kernels + code.libraries <= need.code_bytes
        assert code.stack <= need.stack_bytes
        assert program.plan.bytes <= cost.sram_bytes + need.arena_bytes
        assert folder.facts["input_bytes"] + folder.facts["output_bytes"] == need.buffer_bytes == 3 * 256 + 4 * 5
    # and no far guesses
    assert needs["cortex-m4"].code_bytes <= 20_000
    assert needs["cortex-m4"].table_bytes <= 1_500
