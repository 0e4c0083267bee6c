"""The least reachable figures against brute force over every design."""

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels import LayerSpec, LayerUsage, NetworkSpec, Operation, TensorSpec, network_cost
from costmodels.layer_spec import LayerCall
from costmodels.operation import ConstantSpec
from costmodels.schemes import Dense, LinearRepresentation, Pruned, SparseBasis, StackedBinary
from costmodels.shapes import ConvShape
from searches.bounds import check_reachable, least_reachable
from searches.constraints import Budget
from searches.errors import InfeasibleError
from searches.space import build_space

COLUMNS = ("storage_bytes", "flash_bytes", "sram_bytes", "macs", "additions", "bit_ops", "traffic_bytes")

SCHEMES = {
    "dense": {"weight_bits": (1, 2, 3, 8), "scale": ("filter", "layer", "none")},
    "pruned": {"density": (0.1, 0.5, 1.0), "weight_bits": (1, 3, 8), "coefficients": ("bitmap", "index")},
    "stacked-binary": {"segments": (1, 2), "filters": (1, 3, "1/2"), "scale": ("none", "filter", "segment")},
    "sparse-basis": {
        "segments": (1, 2),
        "filters": (1, 2),
        "density": (0.25, 1.0),
        "basis_bits": (1, 4),
        "coefficient_bits": (1, 4, 32),
    },
    "linear-representation": {
        "templates": (1, 3, "1/2"),
        "coefficient_bits": (1, 2, 32),
        "template_bits": (1, 3),
        "codebook": ("network", "layer"),
    },
}


@st.composite
def shapes(draw):
    groups = draw(st.sampled_from([1, 2, 4]))
    inputs, outputs = (groups * draw(st.integers(1, 3)) for _ in range(2))
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (1, 3)]))
    padding = (kernel[0] // 2, kernel[1] // 2)
    return ConvShape(outputs, inputs, kernel, draw(st.sampled_from([(1, 1), (3, 4)])), padding=padding, groups=groups)


@st.composite
def networks(draw):
    """Two or three layers, one after another; the costs need no fitting channels between them."""
    layers = [
        called(
            draw,
            LayerSpec(
                f"layer{index}",
                draw(shapes()),
                bias=draw(st.booleans()),
                normalization=draw(st.booleans()),
                calls=draw(st.integers(1, 2)),
            ),
        )
        for index in range(draw(st.integers(2, 3)))
    ]
    tensors = [TensorSpec("t0", layers[0].shape.input_elements)]
    steps = []
    for index, layer in enumerate(layers):
        tensors.append(TensorSpec(f"t{index + 1}", layer.shape.output_elements))
        steps.append(Operation(layer.name, "conv2d", (f"t{index}",), f"t{index + 1}", "counted", layer=layer.name))
    constants = tuple(ConstantSpec(f"c{index}", draw(st.integers(1, 9)), is_weight=index == 0) for index in range(2))
    weights = draw(st.sampled_from([(), ("c0",)]))
    tensors.append(TensorSpec("end", 5))
    steps.append(Operation("end", "bmm", (tensors[-2].name,), "end", "fixed", "no form", macs=77, weights=weights))
    return NetworkSpec("drawn", tuple(layers), tuple(tensors), tuple(steps), ("t0",), ("end",), constants)


def called(draw, layer):
    """The layer, or one that runs at another size too, and there without what follows it."""
    if draw(st.booleans()):
        return layer
    own = LayerCall(layer.shape, layer.calls, "b" if layer.bias else "", "n" if layer.normalization else "")
    return replace(layer, variants=(own, LayerCall(replace(layer.shape, input_size=(5, 6)), 3)))


@st.composite
def spaces(draw, network):
    """At most 4 candidates a layer: one value of every parameter, two of one of them, for up to two schemes."""
    names = draw(st.lists(st.sampled_from(sorted(SCHEMES)), min_size=1, max_size=2, unique=True))
    grid = {}
    for name in names:
        values = {key: (draw(st.sampled_from(choices)),) for key, choices in SCHEMES[name].items()}
        varied = draw(st.sampled_from(sorted(values)))
        values[varied] = tuple(draw(st.lists(st.sampled_from(SCHEMES[name][varied]), min_size=1, max_size=2)))
        grid[name] = values
    possible = [name for name in grid if name in ("dense", "pruned")]
    return build_space(network, grid if possible else {**grid, "dense": {"weight_bits": (draw(st.integers(1, 8)),)}})


def brute_force(network, space, column, usage_of=None):
    """The least figure over every design, each counted as a whole network."""
    figures = []
    for schemes in itertools.product(*(part.candidates for part in space.layers)):
        design = {layer.name: scheme for layer, scheme in zip(network.layers, schemes, strict=True)}
        usages = {name: usage_of(name, scheme) for name, scheme in design.items()} if usage_of else None
        limit = 0 if column == "sram_bytes" else None
        figures.append(getattr(network_cost(network, design, 8, usages, sram_limit_bytes=limit), column))
    return min(figures)


def random_usage(network, seed):
    """Counts that a fit could have: at most those of the parameters, and the same whenever they are asked for."""

    def usage_of(name, scheme):
        shape = network.layer(name).shape
        chance = random.Random(f"{seed} {name} {scheme}")
        match scheme:
            case Pruned() | SparseBasis():
                most = scheme.nonzeros(shape, LayerUsage())
                pairs = chance.randint(0, shape.in_channels * 3) if isinstance(scheme, SparseBasis) else None
                return LayerUsage(nonzeros=chance.randint(0, most), pairs=pairs)
            case StackedBinary():
                segments = shape.group_inputs // scheme.segment_channels
                return LayerUsage(pairs=chance.randint(1, shape.groups * segments * scheme.filters))
            case LinearRepresentation():
                by_input = chance.randint(1, min(scheme.templates, shape.group_outputs)) * shape.in_channels
                by_output = chance.randint(1, min(scheme.templates, shape.group_inputs)) * shape.out_channels
                return LayerUsage(templates_by_input=by_input, templates_by_output=by_output)
        return LayerUsage()

    return usage_of


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_least_is_that_of_brute_force(data):
    network = data.draw(networks())
    space = data.draw(spaces(network))
    for column in COLUMNS:
        assert least_reachable(network, space, column, 8) == brute_force(network, space, column), column


@settings(max_examples=120, deadline=None)
@given(st.data(), st.integers(0, 10**6))
def test_least_of_fitted_layers_is_that_of_brute_force(data, seed):
    network = data.draw(networks())
    space = data.draw(spaces(network))
    usage_of = random_usage(network, seed)
    for column in COLUMNS:
        least = least_reachable(network, space, column, 8, usage_of)
        assert least == brute_force(network, space, column, usage_of), column


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_shared_codebooks_are_stored_where_they_pay(data):
    """Several codebooks compete, of sizes that are no whole bytes; most layers can do without."""
    network = data.draw(networks())
    grid = {
        "linear-representation": {
            "templates": tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3, unique=True))),
            "coefficient_bits": (1,),
            "template_bits": (data.draw(st.sampled_from([1, 3])),),
            "codebook": ("network",),
        },
        "dense": {"weight_bits": (data.draw(st.sampled_from([1, 8, 32])),)},
    }
    space = build_space(network, grid)
    for column in ("storage_bytes", "flash_bytes", "macs"):
        assert least_reachable(network, space, column, 8) == brute_force(network, space, column), column


def test_a_shared_codebook_is_counted_once(network):
    """stem, depthwise: 3x3; mix: 3x1; head cannot take the scheme.

    3x3, 8 kernels of stem and 4 of depthwise: a and b of 4 bits and an index of 1 bit, 9 bits each: 72 and 36.
    3x1, 16 kernels: 144. Scales of 2 x 32 bits a layer: 192. head, dense at 2 bits: 12 x 2 + 3 x 32 = 120.
    Codebooks of 2 templates of 8 bits: 2 x 9 x 8 = 144, and 2 x 3 x 8 = 48.
    """
    grid = {"linear-representation": {"templates": (2,), "coefficient_bits": (4,), "template_bits": (8,),
                                      "codebook": ("network",)}}  # fmt: skip
    space = build_space(network, grid, {"head": Dense(2)})
    bits = 72 + 36 + 144 + 192 + 120 + 144 + 48
    assert bits == 756
    assert least_reachable(network, space, "storage_bytes", 8) == 95  # 756 / 8 = 94.5
    # flash: biases or shifts of 4 + 4 + 4 + 3 channels and factors of 4 + 4, which quantized coefficients cannot take
    # up, 4 bytes each; every component in whole bytes: stem 8 + 1 + 8, depthwise 4 + 1 + 8, mix 16 + 2 + 8, head
    # 3 + 12, codebooks 24.
    assert least_reachable(network, space, "flash_bytes", 8) == 4 * (15 + 8) + 17 + 13 + 26 + 15 + 24


def test_a_codebook_shared_by_the_network_is_no_operation(network):
    grid = {"linear-representation": {"templates": (2,), "codebook": ("network", "layer")}, "dense": {}}
    only_layer = {**grid, "linear-representation": {"templates": (2,), "codebook": ("layer",)}}
    spaces_ = [build_space(network, item) for item in (grid, only_layer)]
    for column in ("macs", "additions", "bit_ops", "traffic_bytes", "sram_bytes"):
        assert least_reachable(network, spaces_[0], column, 8) <= least_reachable(network, spaces_[1], column, 8)


def test_sram_of_the_small_network_by_hand(network):
    """8-bit values. Dense layers need no scratch; the peak is at mix_again: a, which the sum still reads, c and d."""
    space = build_space(network, {"dense": {"weight_bits": (8,)}})
    assert least_reachable(network, space, "sram_bytes", 8) == 144 + 144 + 144
    assert least_reachable(network, space, "sram_bytes", 4) == 72 * 3


def test_fits_are_asked_for_only_where_they_may_be_the_least(network):
    grid = {"pruned": {"density": (0.01, 0.5, 1.0), "weight_bits": (2, 8)}, "dense": {"weight_bits": (1, 8)}}
    space = build_space(network, grid)
    asked = []

    def usage_of(name, scheme):
        asked.append((name, scheme))
        return LayerUsage(nonzeros=scheme.nonzeros(network.layer(name).shape, LayerUsage()))

    assert least_reachable(network, space, "storage_bytes", 8, usage_of) == least_reachable(
        network, space, "storage_bytes", 8
    )
    # the bitmap alone takes as much as one-bit dense weights: no fit can be less
    assert asked == []
    assert least_reachable(network, space, "macs", 8, usage_of) == 0  # one-bit weights: additions
    assert asked == []
    only_pruned = build_space(network, {"pruned": grid["pruned"]})
    assert least_reachable(network, only_pruned, "macs", 8, usage_of) == least_reachable(
        network, only_pruned, "macs", 8
    )
    assert len(asked) == len(set(asked))


def test_nothing_is_fitted_where_the_figure_does_not_hang_on_it(network):
    grid = {"linear-representation": {"templates": (2, 4)}, "stacked-binary": {"segments": (1,), "filters": (1, 2)}}
    space = build_space(network, {**grid, "dense": {}})

    def usage_of(name, scheme):
        pytest.fail(f"asked for {name}, {scheme}")

    for column in ("storage_bytes", "flash_bytes"):
        assert least_reachable(network, space, column, 8, usage_of) == least_reachable(network, space, column, 8)


def budget(column, limit, name=""):
    return Budget(name or column, column, limit, "bytes", "test")


def test_unreachable_budgets_are_named_with_the_least(network):
    space = build_space(network, {"dense": {"weight_bits": (8,)}})
    # weights 4*2*9 + 4*9 + 4*4*3 + 3*4 = 168 of 8 bits, 15 scales of 4 bytes
    storage = 168 + 60
    budgets = [budget("storage_bytes", storage - 1), budget("sram_bytes", 432, "SRAM"), budget("flash_bytes", 1000)]
    with pytest.raises(InfeasibleError) as caught:
        check_reachable(network, space, [*budgets, budget("bit_ops", 1200, "work")], 8)
    # MAC: 36 places for stem (72), depthwise (36) and twice mix (48), one for head (12)
    bit_ops = (36 * (72 + 36 + 2 * 48) + 12) * 64
    assert str(caught.value) == (
        "no design of the space fits: "
        f"storage_bytes allows {storage - 1} bytes, the least reachable is {storage} counted from the schemes' "
        "parameters | "
        f"work allows 1,200 bytes, the least reachable is {bit_ops:,} counted from the schemes' parameters; "
        "raise the budget, choose another device, or add smaller schemes"
    )
    assert caught.value.exit_code == 1
    check_reachable(network, space, [replace(budgets[0], limit=storage), *budgets[1:]], 8)


def test_fitted_layers_may_reach_what_the_parameters_cannot(network):
    space = build_space(network, {"pruned": {"density": (0.5,), "weight_bits": (8,), "scale": ("none",)}})
    # bitmaps 168 bits; 36 + 18 + 24 + 6 weights kept of 8 bits
    nominal = 21 + 84
    assert least_reachable(network, space, "storage_bytes", 8) == nominal
    check_reachable(network, space, [budget("storage_bytes", nominal)], 8, lambda *_: pytest.fail("asked in vain"))
    check_reachable(network, space, [budget("storage_bytes", 21)], 8, lambda *_: LayerUsage(nonzeros=0))
    with pytest.raises(InfeasibleError, match="allows 24 bytes, the least reachable is 25;"):
        check_reachable(network, space, [budget("storage_bytes", 24)], 8, lambda *_: LayerUsage(nonzeros=1))
