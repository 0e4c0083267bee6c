"""Arguments of another kind than the one that is wanted: one line, which says what to give, whatever the function."""

import numpy as np
import pytest
import torch
from torch import nn

import filterfront as ff

SHAPE = ff.ConvShape(8, 4, (3, 3), (8, 8))
ARRAY, MODULE = np.zeros(3), nn.Conv2d(4, 8, 3)
NAMES = "text with commas or a list of texts"

CASES = [
    ("load", (ARRAY,), {}, "got <ndarray>; a packed file is a path"),
    ("load", (None,), {}, "got None; a packed file is a path"),
    ("load", ("a.safetensors", 5), {}, "got int; a network is a name or a torch.nn.Module"),
    ("load_run", (ARRAY,), {}, "got <ndarray>; a run folder is a path"),
    ("load_run", (3,), {}, "got 3; a run folder is a path"),
    ("compare", (ARRAY,), {}, "got <ndarray>; runs are compared as a list"),
    ("compare", ("runs/a",), {}, "got 'runs/a'; runs are compared as a list"),
    ("compare", ([ARRAY, ARRAY],), {}, "got <ndarray>; a run is a Run or its folder"),
    ("trace", (ARRAY,), {}, "got ndarray; a network is a name or a torch.nn.Module"),
    ("trace", (MODULE, 5), {}, "got 5; an example input is a tensor with a batch dimension"),
    ("trace", ("digits-cnn", ARRAY), {}, "got network='digits-cnn'; an example input belongs to a module"),
    ("cost", (ARRAY, "dense"), {}, "got ndarray; a network is a name or a torch.nn.Module"),
    ("cost", ("digits-cnn", ARRAY), {}, "got ndarray; a scheme is one of costmodels' or text"),
    ("cost", ("digits-cnn", "dense"), {"keep": 5}, f"got 5; keep is {NAMES}"),
    ("cost", ("digits-cnn", "dense"), {"keep": [1]}, f"got <list>; keep is {NAMES}"),
    ("cost", ("digits-cnn", "dense"), {"keep": None}, f"got None; keep is {NAMES}"),
    ("cost", ("digits-cnn", "dense"), {"example_input": ARRAY}, "an example input belongs to a module"),
    ("cost", ("digits-cnn", "dense"), {"activation_bits": ARRAY}, "activation_bits is 1 to 16, or 32"),
    ("search", (5,), {}, "got int; a network is a name or a torch.nn.Module"),
    ("search", (), {"data": ARRAY}, "got <ndarray>; data are a name, parts of (inputs, labels), or inputs"),
    ("search", (), {"device": ARRAY}, "got <ndarray>; a device is a name, a path or a Device"),
    ("search", (), {"schemes": ARRAY}, "got ndarray; a scheme is one of costmodels' or text"),
    ("search", (), {"layers": ARRAY}, "got <ndarray>; layers are a mapping of names to schemes"),
    ("search", (), {"space": ARRAY}, "got <ndarray>; a design space is a file or its content"),
    ("search", (), {"objectives": 5}, f"objectives: got int; names are {NAMES}"),
    ("search", (), {"keep": [1]}, f"keep: got list; names are {NAMES}"),
    ("search", (), {"sampler": 5}, "sampler: got 5; Input should be a valid string"),
    ("search", (), {"activation_bits": None}, "activation_bits: got None"),
    ("search", (), {"activation_bits": MODULE}, "activation_bits is 1 to 16, or 32"),
    ("search", (), {"flash": [1]}, "flash: got [1]; a size is a number with B, KiB, MiB or GiB"),
    ("search", (), {"trials": "many"}, "trials: got 'many'; Input should be a valid integer"),
    ("search", (), {"out": 5}, "out: got 5; Input is not a valid path"),
    ("layer_cost", (ARRAY, "dense"), {}, "got ndarray; the shape of a layer is a ConvShape"),
    ("layer_cost", (SHAPE, ARRAY), {}, "got ndarray; a scheme is one of costmodels' or text"),
    ("network_cost", (MODULE, "dense"), {}, "got Conv2d; the network is described by a NetworkSpec"),
    ("load_device", (ARRAY,), {}, "got ndarray; a device is a name or a path"),
    ("load_device", (b"stm32f446",), {}, "got bytes; a device is a name or a path"),
    ("parse_scheme", (ARRAY,), {}, "got ndarray; a scheme is read from text"),
]


@pytest.mark.parametrize(("function", "arguments", "options", "message"), CASES)
def test_an_argument_of_another_kind_is_refused_in_one_line(function, arguments, options, message):
    with pytest.raises(ff.FilterfrontError) as caught:
        getattr(ff, function)(*arguments, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


TAKING = {name for name in ff.__all__ if name[0].islower()} - {"devices", "networks", "schemes"}
"""The functions that take arguments."""


def test_there_is_a_case_of_every_function():
    assert {function for function, *_ in CASES} == TAKING


@pytest.mark.parametrize("keep", ["first,last", ["first", "last"], ("first", " last "), {"first", "last"}])
def test_names_are_taken_in_every_form(keep):
    kept = ff.cost("digits-cnn", "dense(weight_bits=4)", keep=keep).kept_dense
    assert list(kept) == ["conv1", "fc"]


@pytest.mark.parametrize("example", [torch.zeros(1, 4, 8, 8), np.zeros((1, 4, 8, 8), np.float32)])
def test_an_example_input_goes_with_a_module(example):
    assert ff.cost(MODULE, "dense(weight_bits=4)", example_input=example).totals["macs"] == 8 * 4 * 9 * 36
