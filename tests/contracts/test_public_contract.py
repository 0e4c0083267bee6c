"""The public names, signatures and worked figures that scripts outside the project rely on."""

import inspect

import pytest

import costmodels
from costmodels import (
    ConvShape,
    CostModelError,
    Dense,
    LinearRepresentation,
    NetworkSpec,
    Pruned,
    SparseBasis,
    StackedBinary,
    layer_cost,
    load_device,
    network_cost,
)
from costmodels.units import KIB

LAYER = ConvShape(
    out_channels=512,
    in_channels=512,
    kernel=(3, 3),
    input_size=(4, 4),
    stride=(1, 1),
    padding=(1, 1),
    dilation=(1, 1),
    groups=1,
)
WEIGHTS = 512 * 512 * 3 * 3
POSITIONS = 4 * 4


def stacked(segment_channels, filters, selection="packed"):
    scheme = StackedBinary(segment_channels=segment_channels, filters=filters, scale="none", selection=selection)
    return layer_cost(LAYER, scheme, activation_bits=32)


def test_parameters_by_name():
    """Their names, order and choices; each call is one that users' scripts make."""
    assert list(inspect.signature(ConvShape).parameters) == [
        "out_channels",
        "in_channels",
        "kernel",
        "input_size",
        "stride",
        "padding",
        "dilation",
        "groups",
        "input_values",
    ]
    for scale in ("none", "filter", "segment"):
        for selection in ("packed", "one-hot", "uncounted"):
            StackedBinary(segment_channels=256, filters=128, scale=scale, selection=selection)
    for codebook in ("layer", "network", "uncounted"):
        LinearRepresentation(templates=256, coefficient_bits=32, template_bits=32, codebook=codebook)
    for form in ("dense", "bitmap", "index"):
        SparseBasis(
            segment_channels=128, filters=128, basis_bits=1, density=0.1, coefficient_bits=32, coefficients=form
        )
    for bits in (*range(1, 17), 32):
        Dense(weight_bits=bits)
    Pruned(density=0.1, weight_bits=8, coefficients="bitmap")
    assert isinstance(NetworkSpec, type)
    assert callable(network_cost)


def test_every_public_name_is_there():
    assert all(hasattr(costmodels, name) for name in costmodels.__all__)


def test_stacked_binary_filters():
    cost = stacked(256, 128)
    assert cost.storage["basis"] == 128 * 256 * 9 == 294_912
    assert cost.storage["selection"] == 512 * 2 * 7 == 7_168
    assert cost.storage_bits == 294_912 + 7_168
    assert f"{cost.compression_ratio:.2f}" == "249.93"
    assert cost.macs == 0
    shared = cost.executions["shared-maps"]
    assert shared.additions == 128 * 512 * 9 * POSITIONS + 512 * (2 - 1) * POSITIONS == 9_437_184 + 8_192
    assert cost.execution == "shared-maps"


@pytest.mark.parametrize(("segment_channels", "ratio"), [(16, 567), (32, 801), (64, 737), (128, 467), (256, 250)])
def test_the_ratio_has_its_best_between_short_and_long_segments(segment_channels, ratio):
    assert round(stacked(segment_channels, 128).compression_ratio) == ratio


def test_one_segment_and_a_free_index_is_the_plain_binary_network():
    assert stacked(512, 512, "uncounted").compression_ratio == 32.0


@pytest.mark.parametrize(
    ("templates", "ratio"), [(64, "4.114"), (128, "4.056"), (256, "4.000"), (512, "3.945"), (1024, "3.892")]
)
def test_linear_representation_with_the_codebook_uncounted(templates, ratio):
    scheme = LinearRepresentation(templates=templates, coefficient_bits=32, template_bits=32, codebook="uncounted")
    assert f"{layer_cost(LAYER, scheme, activation_bits=32).compression_ratio:.3f}" == ratio


def test_dense():
    cost = layer_cost(LAYER, Dense(weight_bits=8), activation_bits=8)
    assert cost.storage["weights"] == 8 * WEIGHTS
    assert cost.macs == WEIGHTS * POSITIONS == LAYER.dense_macs
    assert cost.bit_ops == 8 * 8 * cost.macs
    assert (cost.additions, cost.multiplications, cost.execution) == (0, 0, "direct")


def test_sparse_basis():
    scheme = SparseBasis(
        segment_channels=128, filters=128, basis_bits=1, density=0.1, coefficient_bits=32, coefficients="bitmap"
    )
    cost = layer_cost(LAYER, scheme, activation_bits=32)
    places = 512 * 4 * 128
    assert cost.storage["basis"] == 128 * 128 * 9
    assert cost.storage["index"] == places
    assert cost.storage["coefficients"] == 32 * round(0.1 * places)
    assert sum(cost.storage.values()) == cost.storage_bits


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: stacked(100, 8), "100 for 512 channels; segment_channels divides the input channels of a group"),
        (lambda: LinearRepresentation(templates=0), "got 0; templates is an integer of at least 1"),
        (lambda: Pruned(density=1.5, weight_bits=8), "got 1.5; density is above 0 and at most 1"),
        (lambda: Dense(weight_bits=20), "got 20; weight_bits is 1 to 16, or 32"),
    ],
)
def test_wrong_parameters_are_refused_with_rule_value_and_remedy(make, rule):
    with pytest.raises(CostModelError, match=rule) as caught:
        make()
    assert caught.value.remedy


def test_figures_are_plain_integers():
    cost = stacked(256, 128)
    counts = ("storage_bits", "macs", "additions", "multiplications", "bit_ops", "scratch_bytes")
    assert {type(getattr(cost, name)) for name in counts} == {int}
    assert {type(bits) for bits in cost.storage.values()} == {int}


def test_a_device_by_name():
    assert load_device("stm32f446").ram_usable_bytes == 128 * KIB
