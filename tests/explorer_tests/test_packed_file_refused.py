"""Packed files that are damaged, cut short, of another kind or say other things: refused with the reason, in a line."""

import json
import math

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from costmodels import (
    StackedBinary,
)
from costmodels.errors import FilterfrontError
from explorer.deployment.packed import load, packed_content
from explorer.deployment.packed.first_look import look_at_packed
from explorer.deployment.packed.network import pack_network
from explorer.forms.fitting import fit
from explorer.networks.trace import trace
from explorer.system.container import read_container, write_container
from explorer.system.errors import NetworkError, PackedFileError


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.dictionaries(st.text(min_size=1), st.integers(0, 9), max_size=4),
    facts=st.dictionaries(
        st.text(),
        st.recursive(st.text() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False), st.lists),
        max_size=4,
    ),
)
def test_what_is_written_comes_back(sizes, facts):
    facts = {f"fact {key}": value for key, value in facts.items() if value not in (math.inf, -math.inf)}
    tensors = {f"tensor {name}": np.arange(size, dtype=np.uint8) for name, size in sizes.items()}
    facts = json.loads(json.dumps(facts).replace("Infinity", "0"))
    found, read = read_container(write_container(tensors, facts), "file")
    assert {key: value for key, value in found.items() if key.startswith("fact ")} == facts
    assert read.keys() == tensors.keys()
    assert all(np.array_equal(read[name], tensors[name]) for name in tensors)


@pytest.fixture(scope="module")
def content():
    """A whole small packed file."""
    torch.manual_seed(0)
    traced = trace(nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU()).eval(), torch.zeros(1, 2, 4, 4), "small")
    layers = {"0": fit(traced.weights["0"], traced.spec.layer("0").shape, StackedBinary(1, 2, "filter"))}
    return packed_content(pack_network(traced, layers), traced.spec)


def refused(content: bytes, tmp_path) -> str:
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    with pytest.raises(FilterfrontError) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "net.safetensors" in message
    return message


def test_no_byte_changes_unnoticed(content):
    """Every byte, a bit of it at a time: length, header, facts, checksum and payload."""
    read_container(content, "file")
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        with pytest.raises(PackedFileError, match="file"):
            read_container(bytes(changed), "file")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_change_of_a_byte_is_read(content, data):
    place = data.draw(st.integers(0, len(content) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    with pytest.raises(PackedFileError) as caught:
        read_container(content[:place] + bytes([value]) + content[place + 1 :], "file")
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_of_the_payload_is_said_to_be_damage(content, tmp_path):
    changed = bytearray(content)
    changed[-1] ^= 1
    assert "another checksum: the file is damaged; the content of net.safetensors has the checksum" in refused(
        changed, tmp_path
    )


def test_a_file_cut_short_is_refused_at_every_length(content, tmp_path):
    for length in range(9, len(content)):
        with pytest.raises(PackedFileError, match=rf"{length:,} bytes where .*: it is cut short; file is whole"):
            read_container(content[:length], "file")
    for length in range(9):
        with pytest.raises(PackedFileError, match="file is"):
            read_container(content[:length], "file")
    assert "2 bytes more; net.safetensors ends with its last tensor" in refused(content + b"\0\0", tmp_path)


def test_what_is_no_packed_file_is_refused(content, tmp_path):
    for other in (b"", b"hello, this is a text", b"\x89PNG\r\n\x1a\n" + bytes(50), b"PK\x03\x04" + bytes(50)):
        assert "another kind of file; net.safetensors is a safetensors file" in refused(other, tmp_path)
    weights = safetensors.numpy.save({"conv.weight": np.ones(3, np.float32)})
    assert "other tensors; net.safetensors holds a packed network" in refused(weights, tmp_path)
    assert "a damaged one (" in refused(content[:8] + b"{" * 20 + content[28:], tmp_path)
    with pytest.raises(PackedFileError, match=r".*none.safetensors \(No such file.*; the packed file can be read"):
        load(tmp_path / "none.safetensors")


# Files that say other things, under a right checksum


def edited(content: bytes, edit) -> bytes:
    """The file with facts and tensors changed, under a new checksum."""
    facts, tensors = read_container(content, "file")
    del facts["sha256"]
    edit(facts, tensors)
    return write_container(tensors, facts)


def set_fact(*keys_and_value):
    *keys, last, value = keys_and_value

    def edit(facts, tensors):
        for key in keys:
            facts = facts[key]
        facts[last] = value

    return edit


def shorten(facts, tensors):
    tensors["0/basis"] = tensors["0/basis"][:-1]


def lengthen(facts, tensors):
    """As its facts say, but longer than the layer's."""
    tensors["0/selection"] = np.zeros(2, np.uint8)
    facts["layers"]["0"]["streams"]["selection"] = 16


def drop(facts, tensors):
    del tensors["0/shift"]


def short_shift(facts, tensors):
    tensors["0/shift"] = tensors["0/shift"][:2]


NODES = ("nodes", 2)
EDITS = {
    "a newer format": (
        set_fact("format", 2),
        "format 2 in net.safetensors; this filterfront reads format 1 ",
    ),
    "an unknown scheme": (
        set_fact("layers", "0", "scheme", "magic(bits=0)"),
        r"net.safetensors: 0: got magic; a scheme has a known name",
    ),
    "a scheme of other parameters": (
        set_fact("layers", "0", "scheme", "stacked-binary(segment_channels=1, filters=3, scale=filter)"),
        "basis 18 bits.*; the streams of the layer have .*basis 27 bits.*",
    ),
    "a scheme that the layer cannot take": (
        set_fact("layers", "0", "scheme", "linear-representation(templates=0)"),
        "templates is an integer of at least 1",
    ),
    "another shape": (
        set_fact("layers", "0", "shape", "out_channels", 4),
        ".*selection 6 bits; the streams of the layer have .*selection 8 bits",
    ),
    "another shape of the input": (
        set_fact("layers", "0", "shape", "in_channels", 4),
        ".*selection 6 bits; the streams of the layer have .*selection 12 bits",
    ),
    "a shape that is none": (set_fact("layers", "0", "shape", {"size": 3}), "unexpected keyword argument 'size'"),
    "a stream cut short": (shorten, "2 bytes for 18 bits; a bit stream has as many bytes as hold its bits"),
    "a stream too long": (lengthen, ".*selection 16 bits; the streams of the layer have .*selection 6 bits.*"),
    "a missing tensor": (drop, "no 0/shift; the file has the tensors that it names"),
    "a shift of another length": (short_shift, r"float32 \(2,\); 0/shift has 3 floats"),
    "an unknown execution": (set_fact("layers", "0", "execution", "magic"), "got magic; stacked-binary runs as .*"),
    "a missing layer": (set_fact("layers", {}), "no 0; the file has the layers that it runs"),
    "an unknown fact": (set_fact("trust", True), "trust: Extra inputs.*; .*describes a network"),
    "a fact of another kind": (set_fact("activation_bits", "8"), "activation_bits: Input should be a valid integer"),
    "an operation that reads files": (
        set_fact(*NODES, ["aten", "from_file.default", ["/etc/passwd"], {}]),
        "aten from_file.default; .*operations that filterfront knows",
    ),
    "an operation of Python": (
        set_fact(*NODES, ["python", "eval", ["1"], {}]),
        "python eval; .*operations that filterfront knows",
    ),
    "an overload that is none": (set_fact(*NODES, ["aten", "relu.__class__", [], {}]), "aten relu.__class__; "),
    "a node that is none": (set_fact(*NODES, ["exec", "import os"]), "got exec; a node is one of input, layer.*"),
    "a node of nothing": (set_fact(*NODES, []), "got nothing; a node is one of .*"),
    "a node that comes later": (
        set_fact(*NODES, ["aten", "relu.default", [{"node": 2}], {}]),
        "got 2; .*nodes before it",
    ),
    "an argument that is none": (
        set_fact(*NODES, ["aten", "relu.default", [{"pickle": "gASV"}], {}]),
        "{'pickle': 'gASV'}; .*plain arguments",
    ),
    "arguments too many": (set_fact(*NODES, ["layer", "0", 0, None, None, 7]), "describes a network that runs"),
    "levels that are none": (set_fact(*NODES, ["round", 1, -1.0, 0, 8]), "rounded to levels of 1 to 16 bits"),
    "no output": (set_fact("nodes", [["input"]]), "got none; a network ends with its output"),
    "an output in the middle": (set_fact(*NODES, ["output", 0]), "the output last"),
    "padding beyond all bounds": (
        set_fact("layers", "0", "shape", "padding", [20_000, 20_000]),
        "input and output of a layer have at most 33,554,432 values",
    ),
    "images beyond all bounds": (
        set_fact("inputs", [[2, 60_000, 60_000]]),
        "7,200,000,000 of zeros.default; a tensor has at most",
    ),
    "too many images at once": (set_fact("batch", 2**31), "batch: Input should be less than 2147483648"),
    "a constant of 2^40": (
        set_fact(*NODES, ["aten", "zeros.default", [[2**40]], {}]),
        "of zeros.default; a tensor has",
    ),
    "a view that is copied": (
        set_fact(
            "nodes",
            [
                ["input"],
                ["aten", "ones.default", [[1]], {}],
                ["aten", "expand.default", [{"node": 1}, [2**40]], {}],
                ["aten", "clone.default", [{"node": 2}], {}],
                ["output", 3],
            ],
        ),
        "1,099,511,627,776 of clone.default; a tensor has at most",
    ),
    "a sum over what is repeated": (
        set_fact(
            "nodes",
            [
                ["input"],
                ["aten", "ones.default", [[1]], {}],
                ["aten", "expand.default", [{"node": 1}, [2**40]], {}],
                ["aten", "sum.default", [{"node": 2}], {}],
                ["output", 3],
            ],
        ),
        "more with sum.default; operations read and write",
    ),
    "constants that fill the memory": (
        set_fact(
            "nodes",
            [
                ["input"],
                *[["aten", "ones.default", [[2**25]], {}]] * 3,
                ["aten", "cat.default", [[{"node": 1}, {"node": 2}, {"node": 3}]], {}],
                ["output", 4],
            ],
        ),
        "more with ones.default; activations take 268,435,456 bytes at most",
    ),
    "a window of hours": (
        set_fact(
            "nodes",
            [
                ["input"],
                ["aten", "ones.default", [[1, 1, 2000, 2000]], {}],
                ["aten", "avg_pool2d.default", [{"node": 1}, [1000, 1000], [1, 1]], {}],
                ["output", 2],
            ],
        ),
        "more with avg_pool2d.default; operations read and write",
    ),
    "a list that is repeated": (
        set_fact(*NODES, ["python", "mul", [[1], 2**40], {}]),
        "arithmetic on sizes is of numbers of 63 bits",
    ),
    "a product of 64 bits": (set_fact(*NODES, ["python", "mul", [2**40, 2**40], {}]), "arithmetic on sizes is of"),
    "a number of 70 bits": (set_fact("batch", 2**70), "a whole number of 22 digits, where 63 bits are read"),
    "20,001 nodes": (set_fact("nodes", [["input"]] * 20_001), "nodes: List should have at most 20000 items"),
    "another number of inputs": (set_fact("inputs", []), "1 and 0; .*as many inputs as shapes of inputs"),
}


@pytest.mark.parametrize(("edit", "reason"), EDITS.values(), ids=EDITS)
def test_what_does_not_fit_together_is_refused_with_the_reason(edit, reason, content, tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(edited(content, lambda facts, tensors: None))
    load(path)  # a new checksum is no fault
    path.write_bytes(edited(content, edit))
    with pytest.raises(FilterfrontError, match=reason) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert "net.safetensors" in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (set_fact("inputs", [[2, 2**13, 2**13]]), "134,217,728 in an input of 2x8192x8192"),  # 2 x 2^26
        (set_fact("layers", "0", "shape", "out_channels", 2**40), "input and output of a layer have at most"),
        (set_fact(*NODES, ["aten", "zeros.default", [[2**40]], {}]), "1,099,511,627,776 in zeros.default"),
        (set_fact(*NODES, ["aten", "zeros.default", [], {"size": [6000, 6000]}]), "36,000,000 in the result of zeros"),
        (set_fact(*NODES, ["aten", "constant_pad_nd.default", [{"node": 0}, [3000] * 4, 0.0], {}]), "36,000,000 in"),
        (set_fact(*NODES, ["aten", "relu.default", [[[[[[[[[[[1]]]]]]]]]]], {}]), "arguments lie within 8 others"),
        (set_fact(*NODES, ["python", "mul", ["a", 3], {}]), "got str; arithmetic on sizes"),
        (set_fact(*NODES, ["python", "mul", [2**63, 3], {}]), "63 bits"),
    ],
)
def test_sizes_that_no_tensor_has_are_refused_before_anything_runs(edit, reason, content, tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(edited(content, lambda facts, tensors: None))
    look_at_packed(path)
    path.write_bytes(edited(content, edit))
    with pytest.raises(FilterfrontError, match=reason) as caught:
        look_at_packed(path)
    assert "net.safetensors" in str(caught.value)


def test_sizes_within_the_bounds_are_left_to_who_runs_them(content, tmp_path):
    path = tmp_path / "net.safetensors"
    for node in (
        ["aten", "slice.Tensor", [{"node": 0}, 1, 0, 2**63 - 1], {}],  # to the end, as torch writes it
        ["aten", "zeros.default", [[2**25]], {}],
        ["aten", "mul.Scalar", [{"node": 0}, 10**12], {}],
        ["aten", "view.default", [{"node": 0}, [-1, 32]], {}],
        ["python", "getitem", [{"node": 0}, "a"], {}],
    ):
        path.write_bytes(edited(content, set_fact(*NODES, node)))
        look_at_packed(path)


def places_in(value, path=()):
    """The path to every value within plain data."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from places_in(item, (*path, key))


ODD_VALUES = [
    None,
    True,
    -1,
    0,
    1,
    2,
    3,
    7,
    10**12,
    0.5,
    1e300,
    "",
    "0",
    "input",
    "relu.default",
    [],
    [0],
    {},
    {"node": 0},
]


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_whatever_a_file_says_it_loads_or_is_refused_in_a_line(content, tmp_path_factory, data):
    """Any one of its facts replaced, the checksum right."""
    said = []
    facts, tensors = read_container(content, "file")
    del facts["sha256"]
    *path, last = data.draw(st.sampled_from(list(places_in(facts))))
    place = facts
    for key in path:
        place = place[key]
    place[last] = data.draw(st.sampled_from(ODD_VALUES))
    file = tmp_path_factory.getbasetemp() / "odd.safetensors"
    file.write_bytes(write_container(tensors, facts))
    network = None
    try:
        network = load(file)
    except FilterfrontError as error:
        said.append(str(error))
    assert network is not None or "\n" not in said[-1]
    if network is not None:
        look_at_packed(file)  # refuses nothing that loads
    if network is not None and network.inputs == ((2, 4, 4),):
        network(torch.randn(network.batch or 1, 2, 4, 4))


def test_a_file_for_another_network_and_images_of_another_shape_are_refused(content, tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    other = trace(nn.Conv2d(2, 4, 3).eval(), torch.zeros(1, 2, 4, 4), "other").spec
    with pytest.raises(PackedFileError, match=r"small \(.*\); net.safetensors is for other \(.*\); give its own"):
        load(path, other)
    network = load(path)
    for images in (torch.zeros(1, 2, 5, 5), torch.zeros(1, 1, 4, 4), torch.zeros(2, 4, 4), torch.zeros(0)):
        with pytest.raises(NetworkError, match=r"\(.*\); small takes \(N, 2, 4, 4\); give images of this shape"):
            network(images)
    with pytest.raises(NetworkError, match="got nothing"):
        network()
