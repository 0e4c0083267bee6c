"""Every compressed form in C: the program gives what the integer network gives, bit by bit, over random layers."""

import numpy as np
import pytest

from costmodels.kernels.packing import pack_layer, unpack_layer
from costmodels.kernels.samples import random_arrays, random_scheme, random_shape
from costmodels.schemes import SCHEMES
from explorer.deployment.device_code.building import Builder
from explorer.deployment.device_code.folder import c_folder
from explorer.deployment.device_code.forms import CODED_FORMS, coded_filters
from explorer.deployment.device_code.integer_network import IntegerNetwork
from explorer.deployment.device_code.steps import Part
from explorer.forms.fitting import reconstruct

CASES = 16
CHANNELS = (1, 3, 8, 17)
WIDTHS = (1, 2, 3, 4, 5, 8, 12, 16, 32)


def random_packed(kind, turn):
    """A random layer of a form and what further draws come from."""
    generator = np.random.default_rng([7, turn, *kind.name.encode()])
    shape = random_shape(kind, generator, CHANNELS[turn % len(CHANNELS)])
    scheme = random_scheme(kind, shape, generator, 9, WIDTHS)
    return pack_layer(shape, scheme, random_arrays(shape, scheme, generator)), generator


def branches(kind, cases, add_layer):
    """A network of many layers next to one another: one program runs them all."""
    builder, inputs, outputs, coded = Builder(), [], [], []
    for turn in range(cases):
        packed, generator = random_packed(kind, turn)
        source, found, filters = add_layer(builder, packed, generator, f"layer {turn}")
        inputs.append(source)
        outputs += found
        coded.append((packed, filters))
    return IntegerNetwork(kind.name, tuple(builder.tensors), tuple(builder.steps), tuple(inputs), tuple(outputs)), coded


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=lambda kind: kind.name)
def test_the_program_gives_what_the_integer_network_gives(kind, run_c, add_layer, random_levels):
    network, _ = branches(kind, CASES, add_layer)
    folder = c_folder(network, "", random_levels(network, 4))
    assert run_c(folder.files) == (0, f"{folder.vectors} of {folder.vectors} test vectors are right")


@pytest.mark.parametrize("name", ["vector-quantized", "stacked-binary", "sparse-basis"])
def test_another_compiler_says_nothing_and_gives_the_same_bits(name, clang, run_c, add_layer, random_levels):
    network, _ = branches(SCHEMES[name], CASES // 2, add_layer)
    folder = c_folder(network, "", random_levels(network, 4))
    assert run_c(folder.files, compiler=clang) == (0, f"{folder.vectors} of {folder.vectors} test vectors are right")


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=lambda kind: kind.name)
def test_filters_are_the_weights_within_their_rounding(kind):
    for turn in range(40):
        packed, _ = random_packed(kind, turn)
        coded = coded_filters(packed, 255, "layer")
        weights = reconstruct(packed.shape, packed.scheme, unpack_layer(packed)).astype(np.float64)
        found = coded.filters * coded.units[:, None, None, None]
        # Half of the last bit that is kept: of 16 bits, or of fewer where sums could pass 32 bits.
        sizes = np.abs(coded.filters.astype(np.int64)).reshape(len(found), -1)
        bits = 15 if sizes.sum(axis=1).max() * 255 < 2**30 else 12
        assert np.abs(found - weights).max() <= max(np.abs(weights).max(), 1e-30) * 2.0**-bits * 4, packed.scheme


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=lambda kind: kind.name)
def test_sums_fit_32_bits_and_filters_16(kind):
    for turn in range(40):
        packed, _ = random_packed(kind, turn)
        for largest in (1, 255):
            coded = coded_filters(packed, largest, "layer")
            assert coded.filters.dtype == np.int16
            sums = np.abs(coded.filters.astype(np.int64)).reshape(len(coded.filters), -1).sum(axis=1)
            assert sums.max() * largest < 2**31


def test_every_form_that_is_packed_is_written():
    assert set(CODED_FORMS) == set(SCHEMES)


def test_a_part_of_a_tensor_is_a_part():
    assert Part.whole(3, (2, 2, 5)).is_whole
