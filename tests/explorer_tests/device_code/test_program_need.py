"""What a program takes beyond its design's figures is never more than the need that budgets take off."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from costmodels import (
    Dense,
    EntropyCoded,
    LowRank,
    Palettized,
    SparseBasis,
    StackedBinary,
    Ternary,
    load_device,
    network_cost,
)
from costmodels.devices import Region
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.samples import random_arrays, random_scheme, random_shape
from costmodels.schemes import SCHEMES
from explorer.deployment.device_code.code_bytes import kernel_sources, predicted_code
from explorer.deployment.device_code.device_fit import DeviceFit, device_fit
from explorer.deployment.device_code.folder import c_folder
from explorer.deployment.device_code.forms import CODED_FORMS, coded_filters
from explorer.deployment.device_code.forms.bounds import FORM_BOUNDS, form_bound, growth_bytes
from explorer.deployment.device_code.program_need import program_needs
from explorer.deployment.device_code.reading import integer_network
from explorer.deployment.device_code.structures import structure_bytes
from explorer.deployment.device_code.targets import target_name
from explorer.deployment.packed.network import pack_network
from explorer.forms.fitting import fit
from explorer.measurement.activation_ranges import measure_activation_ranges
from explorer.networks.trace import trace
from explorer.networks.transposed import spread_transposed


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
        coded, bound = coded_filters(packed, 255, "layer"), form_bound(scheme)
        found = set(streams(coded.facts))
        stored = sum(len(stream.data) for stream in found)
        shared = sum(len(stream.data) for stream in packed.shared.values())
        assert coded.kernel == bound.kernel
        assert structure_bytes(coded.kernel, coded.facts) == 4 * bound.words
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


class Up(nn.Module):
    """Transposed convolutions: with fewer taps in some phases, and of each channel by itself."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.each = nn.ConvTranspose2d(16, 16, 4, stride=2, padding=1, groups=16)
        self.tap = nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1)
        self.last = nn.Linear(8 * 16, 5)

    def forward(self, images):
        values = torch.relu(self.tap(torch.relu(self.each(torch.relu(self.first(images))))))
        return self.last(nn.functional.adaptive_max_pool2d(values[:, :, 1:29, 1:29], 4).flatten(1))


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


@pytest.fixture(scope="module", params=[Net, Up])
def traced(request):
    torch.manual_seed(0)
    module = request.param().eval()
    spread_transposed(module)
    return trace(module, torch.zeros(1, 3, 16, 16), "net")


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
        device = load_device({"cortex-m0plus": "rp2040", "cortex-m7": "stm32f746"}.get(target, "stm32l432"))
        if target == target_name(device.core):
            found = device_fit(folder, device)
            assert found.flash_bytes == constants + code.kernels + code.libraries
            assert (found.fits, found.ram_left >= 0) == (True, True)
    # and no far guesses
    assert needs["cortex-m4"].code_bytes <= 20_000
    assert needs["cortex-m4"].table_bytes <= 1_500
    assert needs["cortex-m4"].arena_bytes <= 12_000


def test_a_program_that_fits_by_count_and_not_by_regions_is_said_not_to_fit():
    """Two regions of 12,000 bytes: 20,000 are there in all and in no region; what lies apart goes where it fits."""
    device = load_device("stm32l432")
    halves = replace(device, ram_regions=(Region("one", 12_000), Region("two", 12_000)))
    found = DeviceFit(halves, 30_000, arena_bytes=20_000, apart_bytes=1_000)
    assert not found.fits
    verdict, left = found.lines()
    assert verdict.startswith("does not fit stm32l432 next to 8,192 bytes of flash and 1,536 of RAM")
    assert left == "223,952 bytes left of flash, 8,000 bytes too many in the region of the arena"
    assert DeviceFit(halves, 30_000, 12_000, 12_000 - 1_536).fits
    assert not DeviceFit(halves, 30_000, 12_000, 12_000 - 1_535).fits
    assert DeviceFit(device, 262_144 - 8_192, 1_000, 0).fits
    assert "1 bytes too many of flash" in DeviceFit(device, 262_144 - 8_191, 1_000, 0).lines()[1]
