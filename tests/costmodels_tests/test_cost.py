"""Costs of layers and networks by visible arithmetic."""

from dataclasses import replace

import pytest

from costmodels import (
    CostModelError,
    Dense,
    LayerSpec,
    LayerUsage,
    LinearRepresentation,
    NetworkSpec,
    Operation,
    Operations,
    Pruned,
    SparseBasis,
    StackedBinary,
    TensorSpec,
    layer_cost,
    network_cost,
    parse_scheme,
)
from costmodels.errors import SchemeError
from costmodels.schemes import COMPONENTS
from costmodels.shapes import ConvShape

SHAPE = ConvShape(8, 4, 3, 6, padding=1)  # 8*4*9 = 288 weights at 36 positions
MACS = 288 * 36


class Fixed(Dense):
    """A dense scheme whose executions are given, to test the choice between them."""

    ways: dict

    def executions(self, shape, activation_bits, used=None):
        return self.ways


def fixed(**ways):
    scheme = Fixed()
    object.__setattr__(scheme, "ways", {name.replace("_", "-"): Operations(**counts) for name, counts in ways.items()})
    return scheme


def sequence(*layers):
    """A network that runs the layers one after another, each as often as its calls say."""
    tensors, operations = [TensorSpec("x", layers[0].shape.input_elements)], []
    for layer in layers:
        for call in range(layer.calls):
            name = f"{layer.name}.{call}"
            operations.append(Operation(name, "conv2d", (tensors[-1].name,), name, "counted", layer=layer.name))
            tensors.append(TensorSpec(name, layer.shape.output_elements))
    return NetworkSpec("sequence", layers, tuple(tensors), tuple(operations), ("x",), (tensors[-1].name,))


def test_storage_is_the_sum_of_its_components():
    cost = layer_cost(SHAPE, SparseBasis(2, 4, basis_bits=4, density=0.5, coefficient_bits=8))
    places = 8 * 2 * 4  # filters, segments, basis filters
    assert cost.storage == {"basis": 4 * 4 * 2 * 9, "coefficients": 8 * 32, "index": places, "scales": 32}
    assert cost.storage_bits == 288 + 256 + 64 + 32
    assert cost.compression_ratio == 32 * 288 / 640
    assert cost.storage.keys() <= set(COMPONENTS)


def test_the_cheapest_execution_is_reported_and_all_are_kept():
    """4 shared filters instead of 8: half the additions, plus nothing to merge in one segment."""
    cost = layer_cost(SHAPE, StackedBinary(4, 4), activation_bits=8)
    assert cost.execution == "shared-maps"
    assert (cost.macs, cost.additions, cost.multiplications) == (0, MACS // 2, 0)
    assert cost.bit_ops == MACS // 2 * 8
    assert cost.executions["direct"].additions == MACS
    assert cost.scratch_bytes == 1 * 4 * 6 * 4  # a row of 6 values of 4 bytes for each of 4 maps


def test_many_filters_run_direct():
    cost = layer_cost(SHAPE, StackedBinary(4, 16), activation_bits=8)
    assert (cost.execution, cost.additions, cost.scratch_bytes) == ("direct", MACS, 0)


def test_equal_work_goes_to_the_execution_of_less_scratch():
    """8 shared filters for 8 filters work as much as running them direct, which needs no scratch."""
    cost = layer_cost(SHAPE, StackedBinary(4, 8))
    assert cost.executions["direct"].bit_ops == cost.executions["shared-maps"].bit_ops
    assert cost.execution == "direct"
    lean = fixed(direct={"bit_ops": 5, "scratch_bytes": 9}, shared_maps={"bit_ops": 5, "scratch_bytes": 8})
    assert layer_cost(SHAPE, lean).execution == "shared-maps"


def test_complete_ties_run_direct():
    alike = {"bit_ops": 5, "scratch_bytes": 9}
    assert layer_cost(SHAPE, fixed(direct=alike, shared_maps=alike)).execution == "direct"


def test_calls_multiply_work_and_traffic_but_not_storage_and_scratch():
    once = layer_cost(SHAPE, StackedBinary(4, 4, "filter"))
    thrice = layer_cost(SHAPE, StackedBinary(4, 4, "filter"), layer=LayerSpec("shared", SHAPE, calls=3))
    for count in ("macs", "additions", "multiplications", "bit_ops", "traffic_bytes"):
        assert getattr(thrice, count) == 3 * getattr(once, count)
    assert once.multiplications == 8 * 36
    assert (thrice.storage_bits, thrice.scratch_bytes) == (once.storage_bits, once.scratch_bytes)
    assert (once.name, thrice.name) == ("", "shared")


def test_traffic_is_input_output_and_weights_once():
    cost = layer_cost(SHAPE, Dense(3, "none"), activation_bits=4)
    assert cost.traffic_bytes == 4 * 36 * 4 // 8 + 8 * 36 * 4 // 8 + 288 * 3 // 8


def test_a_codebook_moves_whether_one_layer_or_the_network_stores_it():
    own, shared = (layer_cost(SHAPE, LinearRepresentation(4, 8, 8, codebook)) for codebook in ("layer", "network"))
    assert own.storage_bits - shared.storage_bits == sum(shared.shared.values()) == 4 * 9 * 8
    assert own.traffic_bytes == shared.traffic_bytes


def test_counts_of_a_fitted_layer_take_the_place_of_the_nominal_ones():
    nominal, fitted = (
        layer_cost(SHAPE, Pruned(0.5, 8, "bitmap"), 8, usage) for usage in (None, LayerUsage(nonzeros=7))
    )
    assert (nominal.storage["weights"], fitted.storage["weights"]) == (144 * 8, 7 * 8)
    assert (nominal.fitted, fitted.fitted) == (False, True)


@pytest.mark.parametrize("bits", [0, 17, 31, 33, -8, True, 8.0, "8", None])
def test_activation_bits_out_of_range(bits):
    for cost in (lambda: layer_cost(SHAPE, Dense(), bits), lambda: network_cost(NETWORK, Dense(), bits)):
        with pytest.raises(
            CostModelError, match=r"activation_bits is 1 to 16, or 32; choose such a width, 8 by default"
        ):
            cost()


FIRST = LayerSpec("first", SHAPE, bias=True)
SECOND = LayerSpec("second", ConvShape(8, 8, 3, 6, padding=1), normalization=True, calls=2)
LAST = LayerSpec("last", ConvShape(2, 8, 1, 6), bias=True, normalization=True)
NETWORK = sequence(FIRST, SECOND, LAST)


def test_a_network_is_the_sum_of_its_layers():
    scheme = Dense(8, "layer")
    cost = network_cost(NETWORK, scheme)
    assert [layer.name for layer in cost.layers] == ["first", "second", "last"]
    assert cost.storage == {"weights": 8 * (288 + 576 + 16), "scales": 3 * 32, "codebook": 0}
    assert cost.storage_bits == 8 * 880 + 96
    assert cost.storage_bytes == 880 + 12
    assert cost.macs == (288 + 2 * 576 + 16) * 36
    assert cost.bit_ops == 64 * cost.macs
    assert cost.compression_ratio == 32 * 880 / (8 * 880 + 96)
    assert cost.traffic_bytes == sum(layer.traffic_bytes for layer in cost.layers)
    assert cost.sram_bytes == 2 * 8 * 36
    totals = cost.totals()
    for count in ("storage_bits", "flash_bytes", "macs", "additions", "multiplications", "bit_ops"):
        assert totals[count] == getattr(cost, count)


def test_bias_and_normalization():
    """A bias or the shift of a normalization is one value a channel: 8 + 8 + 2. The factor is another, unless the
    scheme has numbers of 32 bits for it: of second and last, 8 + 2 channels."""
    one_scale, filter_scales = network_cost(NETWORK, Dense(8, "layer")), network_cost(NETWORK, Dense(8, "filter"))
    assert one_scale.extras == {"codebook": 0, "bias": 32 * 18, "normalization": 32 * 10}
    assert filter_scales.extras == {"codebook": 0, "bias": 32 * 18, "normalization": 0}
    mixed = {"first": Dense(8, "layer"), "second": StackedBinary(4, 4, "filter"), "last": StackedBinary(4, 4, "none")}
    assert network_cost(NETWORK, mixed).extras["normalization"] == 32 * 2
    assert one_scale.storage_bits == network_cost(strip(NETWORK), Dense(8, "layer")).storage_bits


def strip(network):
    return replace(network, layers=tuple(replace(x, bias=False, normalization=False) for x in network.layers))


def test_flash_pads_every_component_of_every_layer_to_bytes():
    """3 of 27 weights at 3 bits, in 2 bytes, and a bitmap of 27 bits, in 4, for each of two layers."""
    network = sequence(LayerSpec("a", ConvShape(3, 1, 3, 5)), LayerSpec("b", ConvShape(1, 3, 3, 3)))
    cost = network_cost(network, Pruned(0.1, 3, "bitmap", "none"))
    assert [dict(layer.storage) for layer in cost.layers] == [{"weights": 3 * 3, "index": 27, "scales": 0}] * 2
    assert cost.storage_bytes == 9  # 2 * 36 bits
    assert cost.flash_bytes == 2 * (2 + 4)


def test_flash_adds_biases_and_normalization():
    cost = network_cost(NETWORK, Dense(8, "layer"))
    assert cost.flash_bytes == 880 + 3 * 4 + 18 * 4 + 10 * 4


TEMPLATES = {"coefficient_bits": 8, "template_bits": 3, "codebook": "network"}


def test_a_codebook_is_counted_once_for_layers_that_share_it():
    network = sequence(FIRST, SECOND)
    cost = network_cost(network, LinearRepresentation(5, **TEMPLATES))
    assert cost.extras["codebook"] == 5 * 9 * 3
    assert cost.storage["codebook"] == 135
    assert cost.storage_bits == sum(layer.storage_bits for layer in cost.layers) + 135


@pytest.mark.parametrize(
    ("other", "bits"),
    [
        (LinearRepresentation(6, **TEMPLATES), 6 * 9 * 3),
        (LinearRepresentation(5, **{**TEMPLATES, "template_bits": 4}), 5 * 9 * 4),
        (LinearRepresentation(5, **TEMPLATES, offset=False), 5 * 9 * 3),
    ],
)
def test_codebooks_of_other_sizes_widths_and_fits_are_counted_in_addition(other, bits):
    network = strip(sequence(FIRST, SECOND))
    cost = network_cost(network, {"first": LinearRepresentation(5, **TEMPLATES), "second": other})
    assert cost.extras["codebook"] == 135 + bits
    packed = sum(-(-part // 8) for layer in cost.layers for part in layer.storage.values())
    assert cost.flash_bytes == packed + 17 + -(-bits // 8)  # 135 bits take 17 bytes


def test_codebooks_of_other_kernel_sizes_are_counted_in_addition():
    network = sequence(FIRST, LayerSpec("wide", ConvShape(2, 8, (1, 5), 6)))
    assert network_cost(network, LinearRepresentation(5, **TEMPLATES)).extras["codebook"] == 5 * 3 * (9 + 5)


def test_coefficient_bits_do_not_part_a_codebook():
    schemes = {"first": LinearRepresentation(5, **TEMPLATES), "second": LinearRepresentation(5, 4, 3, "network")}
    assert network_cost(sequence(FIRST, SECOND), schemes).extras["codebook"] == 135


SHARED_SCRATCH = 4 * 6 * 4  # bytes: 4 maps, a row of 6 values


def test_a_layer_falls_back_to_the_direct_execution_only_where_the_limit_asks_for_it():
    """Live: 4*36 + 8*36 bytes at first, 2 * 8*36 at second; each has 96 bytes of scratch in its cheapest execution."""
    network = sequence(FIRST, SECOND)
    schemes = {"first": StackedBinary(4, 4), "second": StackedBinary(8, 4)}

    def executions(limit):
        cost = network_cost(network, schemes, 8, sram_limit_bytes=limit)
        return [layer.execution for layer in cost.layers], cost.sram_bytes

    first, second = 12 * 36, 16 * 36
    assert executions(None) == (["shared-maps", "shared-maps"], second + SHARED_SCRATCH)
    assert executions(second + SHARED_SCRATCH) == (["shared-maps", "shared-maps"], second + SHARED_SCRATCH)
    assert executions(second + SHARED_SCRATCH - 1) == (["shared-maps", "direct"], second)
    assert executions(first + SHARED_SCRATCH - 1) == (["direct", "direct"], second)
    assert executions(0) == (["direct", "direct"], second)


def test_falling_back_changes_the_work_and_nothing_else():
    network = sequence(FIRST)
    free, tight = (network_cost(network, StackedBinary(4, 4), 8, sram_limit_bytes=limit) for limit in (None, 0))
    assert (free.additions, tight.additions) == (MACS // 2, MACS)
    assert (free.storage, free.flash_bytes, free.traffic_bytes) == (
        tight.storage,
        tight.flash_bytes,
        tight.traffic_bytes,
    )


def test_within_a_limit_the_cheapest_execution_that_fits_runs_and_beyond_it_the_leanest():
    ways = {
        "quick": {"bit_ops": 1, "scratch_bytes": 90},
        "middle": {"bit_ops": 2, "scratch_bytes": 50},
        "slow": {"bit_ops": 3, "scratch_bytes": 10},
    }
    live = 12 * 36
    chosen = [
        network_cost(sequence(FIRST), fixed(**ways), sram_limit_bytes=live + room).layers[0].execution
        for room in (90, 89, 50, 49, 10, 9)
    ]
    assert chosen == ["quick", "middle", "middle", "slow", "slow", "slow"]


def test_a_layer_called_twice_fits_at_both_places():
    """The second call has a larger input live at the same time: the network's own, which is added at the end."""
    shape = ConvShape(8, 8, 3, 6, padding=1)
    size = shape.input_elements
    tensors = tuple(TensorSpec(name, size) for name in ("x", "a", "b", "y"))
    operations = (
        Operation("one", "conv2d", ("x",), "a", "counted", layer="conv"),
        Operation("two", "conv2d", ("a",), "b", "counted", layer="conv"),
        Operation("add", "add", ("b", "x"), "y", "free", "elementwise", reuses=True),
    )
    network = NetworkSpec("twice", (LayerSpec("conv", shape, calls=2),), tensors, operations, ("x",), ("y",))
    for limit, execution in ((3 * size + SHARED_SCRATCH, "shared-maps"), (3 * size + SHARED_SCRATCH - 1, "direct")):
        cost = network_cost(network, StackedBinary(8, 4), 8, sram_limit_bytes=limit)
        assert cost.layers[0].execution == execution


def test_errors_name_the_layer():
    with pytest.raises(SchemeError, match=r"last: linear-representation: .*; kernels of one element gain nothing"):
        network_cost(NETWORK, LinearRepresentation())
    with pytest.raises(CostModelError, match="none for second; every layer has a scheme; add one"):
        network_cost(NETWORK, {"first": Dense(), "last": Dense()})


def test_the_row_of_a_layer_as_plain_data():
    row = layer_cost(SHAPE, Dense(8, "none"), layer=FIRST).to_json()
    assert row == {
        "name": "first",
        "shape": "4->8 3x3 at 6x6",
        "scheme": "dense(weight_bits=8, scale=none)",
        "storage": {"weights": 2304, "scales": 0},
        "storage_bits": 2304,
        "shared_bits": {},
        "macs": MACS,
        "additions": 0,
        "multiplications": 0,
        "bit_ops": 64 * MACS,
        "decoded": 0,
        "execution": "direct",
        "scratch_bytes": 0,
        "traffic_bytes": 144 + 288 + 288,
        "compression_ratio": 4.0,
    }


def test_text_is_accepted_wherever_a_scheme_is():
    shape = ConvShape(64, 32, (3, 3), (8, 8))
    scheme = StackedBinary(segment_channels=16, filters=16)
    text = "stacked-binary(segments=2, filters=1/4)"
    assert layer_cost(shape, text) == layer_cost(shape, parse_scheme(text)) == layer_cost(shape, scheme)
    network = sequence(LayerSpec("a", shape), LayerSpec("b", ConvShape(64, 64, (3, 3), (6, 6))))
    schemes = {"a": scheme, "b": StackedBinary(segment_channels=32, filters=16)}
    assert network_cost(network, text) == network_cost(network, schemes)
    assert network_cost(network, {**schemes, "a": text}) == network_cost(network, schemes)


@pytest.mark.parametrize(("given", "named"), [(4, "int"), (None, "NoneType"), (StackedBinary, "StackedBinary")])
def test_what_is_no_scheme_is_a_type_error_that_says_what_to_give(given, named):
    with pytest.raises(TypeError, match=rf"got {named}; .*; give for example Dense\(weight_bits=4\)") as caught:
        layer_cost(ConvShape(64, 32, (3, 3), (8, 8)), given)
    assert isinstance(caught.value, SchemeError)
