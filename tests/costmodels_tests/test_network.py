"""The description of a network: names that hold together, sums, and the way to plain data and back."""

import json
from dataclasses import replace

import pytest

from costmodels.errors import NetworkSpecError
from costmodels.network import LayerSpec, NetworkSpec, Operation, TensorSpec
from costmodels.shapes import ConvShape

CONV = ConvShape(4, 4, 3, 8, padding=1)
STRING_PADDED = ConvShape(4, 4, (1, 5), 8, padding="same", groups=2)


@pytest.fixture
def network():
    """Two convolutions, the second called twice, with a residual addition and a step that nobody knows."""
    return NetworkSpec(
        name="small",
        layers=(
            LayerSpec("first", CONV, weight="first.weight", bias=True, normalization=True),
            LayerSpec("second", STRING_PADDED, calls=2),
        ),
        tensors=tuple(TensorSpec(name, 4 * 64) for name in ("x", "a", "b", "c", "d", "y")),
        operations=(
            Operation("first", "conv2d", ("x",), "a", "counted", layer="first"),
            Operation("second", "conv2d", ("a",), "b", "counted", layer="second"),
            Operation("second_1", "conv2d", ("b",), "c", "counted", layer="second"),
            Operation("add", "add", ("c", "x"), "d", "free", "elementwise", reuses=True),
            Operation("odd", "erfinv", ("d",), "y", "unknown", "no rule for it"),
        ),
        inputs=("x",),
        outputs=("y",),
    )


def test_sums(network):
    assert network.weights == 4 * 4 * 9 + 4 * 2 * 5  # stored once
    assert network.dense_macs == 4 * 4 * 9 * 64 + 2 * (4 * 2 * 5 * 64)  # worked at each call


def test_unknown_operations_are_named(network):
    assert [operation.kind for operation in network.unknown] == ["erfinv"]


def test_a_layer_by_name(network):
    assert network.layer("second").shape == STRING_PADDED
    with pytest.raises(
        NetworkSpecError, match="got third; small has no layer of that name; choose one of first, second"
    ):
        network.layer("third")


def test_the_way_to_json_and_back(network):
    plain = json.loads(json.dumps(network.to_json()))
    assert NetworkSpec.from_json(plain) == network
    assert NetworkSpec.from_json(plain).digest() == network.digest()


def test_the_digest_tells_networks_apart(network):
    first, second = network.layers
    changed = replace(network, layers=(first, replace(second, calls=3)))
    assert len(network.digest()) == 64
    assert changed.digest() != network.digest()


@pytest.mark.parametrize("damage", [lambda plain: plain.pop("layers"), lambda plain: plain["layers"][0].pop("shape")])
def test_a_damaged_file_is_refused(network, damage):
    plain = network.to_json()
    damage(plain)
    with pytest.raises(NetworkSpecError, match="a network file has the fields that filterfront wrote"):
        NetworkSpec.from_json(plain)


def test_an_unknown_field_is_refused(network):
    plain = json.loads(json.dumps(network.to_json()))
    plain["tensors"][0]["colour"] = "blue"
    with pytest.raises(NetworkSpecError, match="colour"):
        NetworkSpec.from_json(plain)


def test_names_are_unique(network):
    with pytest.raises(NetworkSpecError, match="layer and tensor names are unique"):
        replace(network, layers=(network.layers[0], network.layers[0]))
    with pytest.raises(NetworkSpecError, match="layer and tensor names are unique"):
        replace(network, tensors=(*network.tensors, TensorSpec("x", 1)))


@pytest.mark.parametrize("change", [{"inputs": ("ghost",)}, {"output": "ghost"}, {"layer": "ghost"}])
def test_operations_name_known_tensors_and_layers(network, change):
    first, *others = network.operations
    with pytest.raises(NetworkSpecError, match=r"first: \{'ghost'\}; operations name known tensors and layers"):
        replace(network, operations=(replace(first, **change), *others))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"status": "cheap"}, "got cheap; an operation is counted, fixed, free or unknown"),
        ({"status": "counted"}, "a counted operation names its layer, and only a counted one does"),
        ({"status": "free", "reason": "view", "layer": "first"}, "a counted operation names its layer"),
        ({"status": "free"}, "a free or unknown operation says why"),
        ({"status": "unknown"}, "a free or unknown operation says why"),
    ],
)
def test_an_operation_is_counted_or_says_why_not(arguments, message):
    with pytest.raises(NetworkSpecError, match=message):
        Operation("step", "relu", ("x",), "y", **arguments)


def test_a_tensor_is_written_before_it_is_read(network):
    first, *others = network.operations
    with pytest.raises(NetworkSpecError, match=r"second reads a; .*written before it is read; reorder the operations"):
        replace(network, operations=(*others, first))


def test_inputs_and_outputs_are_tensors_that_are_written(network):
    with pytest.raises(NetworkSpecError, match="got a; what the caller gives are inputs"):
        replace(network, given=("x", "a"))
    for change in ({"inputs": ("x", "ghost")}, {"outputs": ("ghost",)}):
        with pytest.raises(NetworkSpecError, match="got ghost; inputs and outputs are known tensors"):
            replace(network, **change)
    with pytest.raises(NetworkSpecError, match="got y; every output is written"):
        replace(network, operations=network.operations[:-1])
