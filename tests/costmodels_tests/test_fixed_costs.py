"""What a network costs in addition to its layers, by visible arithmetic, and layers whose calls differ."""

import json
from dataclasses import replace

import pytest

from costmodels import (
    Dense,
    LayerSpec,
    LinearRepresentation,
    NetworkSpec,
    Operation,
    StackedBinary,
    TensorSpec,
    layer_cost,
    network_cost,
)
from costmodels.errors import NetworkSpecError
from costmodels.fixed_costs import fixed_costs, fixed_figures
from costmodels.flash import channel_bits
from costmodels.latency import LatencyModel
from costmodels.layer_spec import LayerCall
from costmodels.operation import ConstantSpec
from costmodels.shapes import ConvShape

LARGE, SMALL = ConvShape(8, 4, 3, 6, padding=1), ConvShape(8, 4, 3, 3, padding=1)
CALLS = (LayerCall(LARGE, 2, "conv.bias"), LayerCall(SMALL, 1, "conv.bias"))
LAYER = LayerSpec("conv", LARGE, "conv.weight", bias=True, calls=2, variants=CALLS)
UP = Operation("up", "conv_transpose2d", ("a",), "b", "fixed", "for the test", macs=500, weights=("up.weight",))
NETWORK = NetworkSpec(
    "net",
    (LAYER,),
    (TensorSpec("x", 144), TensorSpec("a", 288), TensorSpec("b", 99), TensorSpec("y", 99)),
    (
        Operation("conv", "conv2d", ("x",), "a", "counted", layer="conv"),
        UP,
        replace(UP, name="up2", inputs=("b",), output="y"),
    ),
    ("x",),
    ("y",),
    (ConstantSpec("up.weight", 64, is_weight=True), ConstantSpec("slope", 5), ConstantSpec("mask", 9, bits=8)),
)


def test_a_layer_of_two_shapes_stores_its_weights_once_and_works_at_each():
    cost = layer_cost(LARGE, Dense(8, "none"), layer=LAYER)
    assert cost.storage_bits == 288 * 8
    assert cost.macs == LAYER.dense_macs == 288 * (2 * 36 + 9)
    assert cost.bit_ops == 64 * cost.macs
    assert cost.traffic_bytes == 2 * (144 + 288 + 288) + (36 + 72 + 288)
    assert cost.to_json()["shape"] == "4->8 3x3 at 6x6 and 4->8 3x3 at 3x3"


def test_the_execution_is_the_one_that_is_cheapest_over_all_calls():
    cost = layer_cost(LARGE, StackedBinary(4, 4), layer=LAYER)
    parts = [(runs, layer_cost(shape, StackedBinary(4, 4))) for shape, runs in LAYER.runs.items()]
    for name in cost.executions:
        assert cost.executions[name].bit_ops == sum(runs * part.executions[name].bit_ops for runs, part in parts)
    assert cost.scratch_bytes == max(part.scratch_bytes for _, part in parts)


def test_all_calls_run_by_the_method_of_the_first():
    scheme = LinearRepresentation(4, 8, 8)
    cost = layer_cost(LARGE, scheme, layer=LAYER)
    shared = cost.executions["shared-maps"]
    ways = {shape: scheme.methods(shape, 8)[shared.method] for shape in LAYER.runs}
    assert shared.additions == sum(runs * ways[shape].additions for shape, runs in LAYER.runs.items())


def test_the_time_of_a_layer_is_that_of_all_its_calls():
    model = LatencyModel({})
    seconds = {LARGE: 5.0, SMALL: 2.0}
    object.__setattr__(model, "layer_seconds", lambda shape, *_: seconds[shape])
    assert model.of_cost(layer_cost(LARGE, Dense(8), layer=LAYER)) == 2 * 5.0 + 2.0


@pytest.mark.parametrize(
    ("pairs", "scheme", "shifts", "factors"),
    [
        ([("b", ""), ("b", "")], Dense(8), 1, 0),  # one bias
        ([("b", ""), ("c", "")], Dense(8), 2, 0),  # two biases of one weight
        ([("b", "n"), ("b", "n")], Dense(8), 1, 0),  # the scales take the factor up
        ([("b", "n"), ("b", "n")], Dense(8, "layer"), 1, 1),
        ([("b", "n"), ("b", "")], Dense(8), 2, 1),  # the other call shares the scales
        ([("", "n"), ("", "")], Dense(8), 1, 1),
        ([("b", "n"), ("b", "m")], Dense(8), 2, 2),
        ([("", ""), ("", "")], Dense(8), 0, 0),
    ],
)
def test_what_calls_add_is_stored_once_for_all_that_share_it(pairs, scheme, shifts, factors):
    calls = tuple(LayerCall(LARGE, 1, *pair) for pair in pairs)
    bias, normalization = any(b for b, _ in pairs), any(n for _, n in pairs)
    layer = LayerSpec(
        "conv", LARGE, bias=bias, normalization=normalization, variants=calls if len(set(calls)) > 1 else ()
    )
    assert channel_bits(layer, scheme) == (shifts * 32 * 8, factors * 32 * 8)


def test_constants_are_in_flash_and_weights_without_a_form_in_storage():
    cost = network_cost(NETWORK, Dense(8, "none"))
    bare = network_cost(
        replace(NETWORK, constants=(), operations=NETWORK.operations[:1], outputs=("a",)), Dense(8, "none")
    )
    assert cost.flash_bytes - bare.flash_bytes == 4 * (64 + 5) + 9
    assert cost.storage_bits - bare.storage_bits == 32 * 64  # once for both steps
    assert cost.extras["constants"] == 32 * 5 + 8 * 9
    assert cost.macs - bare.macs == NETWORK.dense_macs - LAYER.dense_macs == 2 * 500
    assert cost.bit_ops - bare.bit_ops == 2 * 500 * 32 * 8
    assert cost.traffic_bytes - bare.traffic_bytes == (288 + 99 + 4 * 64) + (99 + 99)
    assert cost.compression_ratio == 32 * (288 + 64) / (8 * 288 + 32 * 64)
    assert "constants" not in bare.extras


def test_figures_that_every_design_has_are_the_difference():
    figures = fixed_figures(NETWORK, 8)
    cost = network_cost(NETWORK, Dense(8, "none"))
    (layer,) = cost.layers
    assert figures["storage_bits"] == cost.storage_bits - layer.storage_bits
    for name in ("macs", "bit_ops", "traffic_bytes"):
        assert figures[name] == getattr(cost, name) - getattr(layer, name)


def test_products_of_activations_have_both_factors_in_the_bits_of_activations():
    product = replace(UP, kind="bmm", weights=())
    network = replace(NETWORK, operations=(NETWORK.operations[0], product), outputs=("b",), constants=())
    (cost,) = fixed_costs(network, 4)
    assert (cost.storage, cost.bit_ops) == (0, 500 * 4 * 4)


def test_the_way_to_json_and_back():
    assert NetworkSpec.from_json(json.loads(json.dumps(NETWORK.to_json()))) == NETWORK


def test_descriptions_of_before_keep_their_digests():
    """What is new is left out where it says nothing new, and whether a step is a view is never in the digest."""
    plain = replace(
        NETWORK, layers=(replace(LAYER, variants=()),), operations=NETWORK.operations[:1], outputs=("a",), constants=()
    )
    assert plain.to_json().keys() == {"name", "layers", "tensors", "operations", "inputs", "outputs"}
    assert "variants" not in plain.to_json()["layers"][0]
    viewed = replace(plain, operations=(replace(plain.operations[0], views=True),), given=("x",))
    assert viewed.digest() == plain.digest()
    assert viewed.to_json() != plain.to_json()
    assert NETWORK.digest() != plain.digest()


def test_what_does_not_hold_together_is_refused():
    with pytest.raises(NetworkSpecError, match="got s; only a fixed operation has MAC and weights of its own"):
        Operation("s", "relu", ("x",), "y", "free", "elementwise", macs=3)
    with pytest.raises(NetworkSpecError, match="only a free operation has operations that are no MAC"):
        Operation("s", "lstm", ("x",), "y", "fixed", "no form", macs=3, operations=1)
    with pytest.raises(NetworkSpecError, match="a view is of the tensor that it reads"):
        Operation("s", "view", (), "y", "free", "view", views=True)
    with pytest.raises(NetworkSpecError, match="names of constants are unique"):
        replace(NETWORK, constants=NETWORK.constants[:1] * 2)
    with pytest.raises(NetworkSpecError, match=r"up\.weight"):
        replace(NETWORK, constants=())
