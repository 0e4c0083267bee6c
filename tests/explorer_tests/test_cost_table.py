"""The table of a whole network's cost: its rows add up to its totals, and names say which layer is meant."""

import pytest
import torch
from torch import nn

import filterfront as ff
from costmodels.errors import NetworkSpecError
from explorer.networks.cost_table import cost_table, kept_layers
from explorer.networks.trace import trace


def network(*names, last=None):
    module = nn.Sequential()
    for name in names:
        module.add_module(name, nn.Conv2d(2, 2, 1))
    if last is not None:
        module.add_module("end", last)
    return trace(module, torch.zeros(1, 2, 4, 4), "net").spec


def test_first_and_last_are_places_unless_a_layer_has_that_name():
    assert kept_layers(network("a", "b", "c"), ["first", "last"]) == {"a", "c"}
    assert kept_layers(network("a", "last", "first", "c"), ["last"]) == {"last"}
    assert kept_layers(network("a", "last", "first", "c"), ["first", "a", "c"]) == {"first", "a", "c"}
    assert kept_layers(network("first", "last"), ["first", "last"]) == {"first", "last"}
    with pytest.raises(NetworkSpecError, match="d"):
        kept_layers(network("a", "last"), ["d"])


def test_rows_add_up_where_layers_have_no_compressed_form():
    """2*3*2*2 weights of 32 bits at 16 places of the input, and 2*2 weights of 8 bits and 2 scales."""
    spec = network("a", last=nn.ConvTranspose2d(2, 3, 2, 2))
    table = cost_table(spec, "dense(weight_bits=8)", [], 8)
    plain, frame = table.to_json(), table.to_frame()
    assert [layer["storage_bits"] for layer in plain["layers"]] == [4 * 8 + 2 * 32, 24 * 32]
    assert [layer["macs"] for layer in plain["layers"]] == [4 * 16, 24 * 16]
    for name in ("storage_bits", "macs", "additions", "multiplications", "bit_ops"):
        assert sum(layer[name] for layer in plain["layers"]) == plain["totals"][name] == frame[name].sum()
    assert list(frame.weights) == [4, 24]
    assert [step["kind"] for step in plain["not_compressed"]] == ["conv_transpose2d"]
    assert plain["totals"]["flash_bytes"] == (4 + 2 * 4 + 2 * 4) + 4 * (24 + 3)
    assert plain["totals"]["input_bytes"] == 2 * 16
    assert "No compressed form: end" in table._repr_html_()


def test_a_module_with_masks_is_copied_and_stays_as_it_is():
    from torch.nn.utils import prune

    module = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU())
    prune.l1_unstructured(module[0], "weight", 0.5)
    costs = ff.cost(module, "dense(weight_bits=8)", example_input=torch.zeros(1, 2, 5, 5))
    assert costs.totals["macs"] == 2 * 4 * 9 * 9
    assert prune.is_pruned(module)
