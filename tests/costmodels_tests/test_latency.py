"""The latency model: the work of a layer by hand, the kernels' own choices met, times summed, devices estimated."""

import numpy as np
import pytest

from costmodels import (
    ConvShape,
    CostModelError,
    Dense,
    EntropyCoded,
    LayerUsage,
    LegoNet,
    LinearRepresentation,
    LowRank,
    NetworkSpec,
    NMSparse,
    Palettized,
    Pruned,
    SparseBasis,
    StackedBinary,
    Ternary,
    VectorQuantized,
    layer_cost,
    load_device,
    network_cost,
)
from costmodels.errors import DeviceError, SchemeError
from costmodels.kernels.engine.banks import ProductBank
from costmodels.kernels.engine.bitserial import BitSerialBank
from costmodels.kernels.forms import kernels_of
from costmodels.kernels.linear_representation import add_then_convolve as add_sums
from costmodels.kernels.linear_representation import convolve_then_add as add_maps
from costmodels.kernels.linear_representation.tiles import TILE
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.run import prepare_layer
from costmodels.kernels.samples import random_arrays
from costmodels.latency import (
    AMOUNTS,
    DeviceEstimate,
    LatencyModel,
    Work,
    kernel_path,
    layer_work,
    network_latency,
)
from costmodels.machine.pieces import spans
from costmodels.network import LayerSpec, Operation, TensorSpec
from costmodels.schemes.linear_representation.work import CHANNELS_AT_ONCE, MAPS_AT_ONCE, PLACES_AT_ONCE, ROW

SHAPE = ConvShape(24, 80, (3, 3), (6, 5), padding=(1, 1))
CASES = [
    (Dense(1), 1),
    (Dense(3), 4),
    (Dense(8), 8),
    (Dense(8), 32),
    (Dense(32), 8),
    (Pruned(0.25, 8), 8),
    (Pruned(0.25, 8), 32),
    (StackedBinary(40, 6, "filter"), 8),
    (StackedBinary(40, 6, "segment"), 8),
    (StackedBinary(40, 6), 32),
    (LegoNet(40, 6), 8),
    (LinearRepresentation(8), 8),
    (SparseBasis(40, 6, 1, 0.5, 8), 4),
    (SparseBasis(40, 6, 8, 0.5, 8), 8),
    (SparseBasis(40, 6, 8, 0.5, 32), 32),
    (EntropyCoded(), 8),
    (EntropyCoded(2.0, 4, "rans"), 16),
    (EntropyCoded(2.0, 6), 32),
    (LowRank(6, 1, 4), 8),
    (LowRank(6, 8, 32), 8),
    (LowRank(6, 4, 4), 32),
    (NMSparse("2:4", 4), 8),
    (NMSparse("1:8", 8, "places"), 32),
    (Ternary(), 8),
    (Ternary("two-bit"), 12),
    (Ternary(), 16),
    (Ternary("two-bit"), 32),
    (Palettized(3), 2),
    (Palettized(4), 8),
    (Palettized(4, 16), 32),
    (VectorQuantized(16, 1, 4, 1), 4),
    (VectorQuantized(16, 1, 8, 1), 8),
    (VectorQuantized(16, 2, 8, 1), 32),
]


def prepared(shape, scheme, execution, bits):
    arrays = random_arrays(shape, scheme, np.random.default_rng(0), 0.5)
    return prepare_layer(pack_layer(shape, scheme, arrays), execution, bits).kernel


def test_tiles_are_counted_whole():
    """80 channels of 3 bits take 2 words for each of 9 elements; 24 filters of 2 bits are 48 of signs, 6 tiles of 8;
    30 positions are 8 groups of 4."""
    work = layer_work(SHAPE, Dense(2, "none"), 3, "direct")
    assert work.kernel == "dense / direct / planes"
    tiles = 8 * 6
    expected = {
        "calls": 1,
        "packed_lines": 80 * 3,
        "packed_bits": 80 * 6 * 5 * 3,
        "packed_words": 2 * 3 * 8 * 7,
        "tile_rows": 8,
        "gathered_words": 8 * 4 * 2 * 9 * 3,
        "tiles": tiles,
        "tile_planes": tiles * 3,
        "tile_words": tiles * 3 * 2 * 9,
        "combined": 24 * 2 * 30,
        "scaled": 0,
        "written": 24 * 30,
        "far_written": 0,
    }
    assert dict(work.amounts) == expected


def test_a_product_is_counted_in_words_of_32_bits():
    """A sum of 80*9 codes of mean size 64 times 8 bits of activations is above 2^23 and below 2^24: float32 holds it.
    30 positions are four tiles of 8, 24 filters six of 4; at 1000 channels float64 is needed, and tiles of 4."""
    amounts = layer_work(SHAPE, Dense(8), 8, "direct").amounts
    assert kernel_path(SHAPE, Dense(8), 8, "direct").product_words == 1
    assert amounts["product_macs"] == 80 * 9 * 24 * 32
    assert amounts["windows"] == amounts["columns"] == 80 * 9 * 30
    assert amounts["padded"] == 80 * 8 * 7
    assert (amounts["products"], amounts["vector_products"], amounts["scaled"]) == (1, 0, 24 * 30)
    wide = ConvShape(24, 1000, (3, 3), (6, 5), padding=(1, 1))
    assert kernel_path(wide, Dense(8), 8, "direct").product_words == 2
    assert layer_work(wide, Dense(8), 8, "direct").amounts["product_macs"] == 2 * 1000 * 9 * 24 * 32


def test_sparse_entries_are_those_of_the_fitted_layer():
    scheme = SparseBasis(40, 6, 1, 0.5, 8, "index")
    nominal, fitted = (
        layer_work(SHAPE, scheme, 8, "shared-maps", usage).amounts for usage in (LayerUsage(), LayerUsage(nonzeros=96))
    )
    assert nominal["index_entries"] == 24 * 2 * 6 / 2
    assert fitted["index_entries"] == 96
    assert fitted["mix_lines"] == 96 / 4 + 24 * 3 / 8
    assert fitted["mixed"] == fitted["mix_lines"] * 32


def test_a_float_image_that_needs_no_padding_is_not_copied():
    point = ConvShape(24, 80, (1, 1), (6, 5))
    assert layer_work(point, Dense(32), 32, "direct").amounts["padded"] == 0
    assert layer_work(point, Dense(32), 8, "direct").amounts["padded"] == 80 * 30
    assert layer_work(point, Dense(32), 32, "direct").amounts["windows"] == 0


def test_templates_of_one_kind_added_then_convolved():
    """Lines of 5 and a padding between; sums reach two lines and two places further than results."""
    amounts = layer_work(SHAPE, LinearRepresentation(1, offset=False), 32, "add-then-convolve").amounts
    places = 6 * (6 - 1) + (5 - 1) + 1
    assert (places + 2, places + 2 + 2 * 6) == (37, 49)  # one row of results, and one of sums once results are 64
    rows = (64 + 2 * 6 + 63) // 64
    assert amounts["added_rows"] == rows * 24 * 80
    assert amounts["sum_rows"] == rows * 24
    assert amounts["template_rows"] == 1 * 24 * 9
    assert amounts["result_rows"] == 1 * 24 * 3
    assert amounts["filters_begun"] == 24
    assert amounts["stored_lines"] == 24 * 6
    assert amounts["far_sums"] == 0  # 24 sums of 128 places and 80 channels are less than 1 MiB
    assert amounts["box_rows"] == 0


def test_templates_of_one_kind_convolved_then_added():
    """One map of each channel and its box: 80 channels in one block of at most 192 // 2 = 96."""
    amounts = layer_work(SHAPE, LinearRepresentation(1), 32, "convolve-then-add").amounts
    assert amounts["map_rows"] == 1 * 80 * 2
    assert amounts["template_rows"] == 1 * 80 * 2 * 9
    assert amounts["added_rows"] == 1 * 24 * 80 * 2
    assert amounts["sum_rows"] == 1 * 1 * 24
    assert amounts["map_tiles"] == 80 + 24 // 4  # both maps of a channel at once, and four filters under their b
    assert amounts["stored_lines"] == 24 * (6 + 1)  # a row of 64 begins in the first of 6 lines


def test_the_rows_and_blocks_of_templates_are_those_of_the_kernels():
    assert (ROW, MAPS_AT_ONCE, CHANNELS_AT_ONCE) == (TILE, add_maps.MAPS_AT_ONCE, add_maps.CHANNELS_AT_ONCE)
    assert PLACES_AT_ONCE == add_sums.PLACES_AT_ONCE


@pytest.mark.parametrize(("scheme", "bits"), CASES, ids=str)
def test_the_kernels_make_the_same_choice(scheme, bits):
    """Executions, arithmetic, types and blocks as `costmodels.kernels` has them."""
    assert tuple(kernels_of(scheme).compiled) == scheme.method_names
    for shape in (SHAPE, ConvShape(64, 80, (3, 3), (60, 60), padding=(1, 1))):
        for execution in scheme.method_names:
            kernel, path = prepared(shape, scheme, execution, bits), kernel_path(shape, scheme, bits, execution)
            bank = getattr(kernel, "bank", None)
            assert isinstance(bank, BitSerialBank) == (path.arithmetic == "planes")
            if isinstance(bank, ProductBank):
                assert bank.dtype.itemsize == 4 * path.product_words
            if hasattr(kernel, "dtype"):
                assert kernel.dtype.itemsize == 4 * path.sum_words
            calls = layer_work(shape, scheme, bits, execution).amounts["calls"]
            assert calls == -(-kernel.units // kernel.block)


@pytest.mark.parametrize(("scheme", "bits"), CASES, ids=str)
def test_amounts_are_known_and_not_negative(scheme, bits):
    for execution in scheme.method_names:
        amounts = layer_work(SHAPE, scheme, bits, execution).amounts
        assert set(amounts) <= set(AMOUNTS)
        assert all(amount >= 0 for amount in amounts.values())


def test_blocks_cover_every_position():
    assert spans(100, 1 << 13) == [50, 50]
    assert sum(spans(1001, 5000)) == 1001


def test_there_is_no_such_execution():
    with pytest.raises(SchemeError, match="got shared-maps; dense runs as direct"):
        kernel_path(SHAPE, Dense(8), 8, "shared-maps")


def test_a_kernel_that_is_not_calibrated_is_refused():
    with pytest.raises(CostModelError, match=r"got other; .*one of the calibrated: k; calibrate again"):
        LatencyModel({"k": {}}).seconds(Work("other", {}))


@pytest.mark.parametrize("rates", [{"calls": -1.0}, {"calls": float("nan")}, {"tea": 1.0}])
def test_rates_are_of_known_amounts_and_not_negative(rates):
    with pytest.raises(CostModelError, match="a rate is of a known amount"):
        LatencyModel({"k": rates})


def network():
    """One layer called twice, then an addition."""
    shape = ConvShape(4, 4, (1, 1), (3, 3))
    steps = (
        Operation("first", "conv2d", ("image",), "a", "counted", layer="conv"),
        Operation("second", "conv2d", ("a",), "b", "counted", layer="conv"),
        Operation("sum", "add", ("a", "b"), "c", "free", "elementwise"),
    )
    tensors = tuple(TensorSpec(name, 36) for name in ("image", "a", "b", "c"))
    return NetworkSpec("small", (LayerSpec("conv", shape, calls=2),), tensors, steps, ("image",), ("c",))


def test_a_network_takes_the_time_of_all_calls_and_names_what_is_left_out():
    model = LatencyModel({"dense / direct / integer": {"calls": 2e-6, "written": 1e-9}})
    found = network_latency(model, network(), network_cost(network(), Dense(8)))
    assert found.seconds == pytest.approx(2 * (2e-6 + 36e-9))
    assert found.left_out == ("add",)


def test_a_device_is_estimated_from_its_cycles():
    board = load_device("stm32f446")
    layer, binary = (layer_cost(SHAPE, scheme, 8) for scheme in (Dense(8), StackedBinary(40, 6, "filter")))
    estimate = DeviceEstimate(board)
    assert estimate.of_cost(layer) == 24 * 80 * 9 * 30 / 180e6
    assert estimate.of_cost(binary) == (binary.additions + binary.multiplications) / 180e6
    assert estimate.of_cost(layer_cost(SHAPE, Dense(8), 32)) == 3 * 24 * 80 * 9 * 30 / 180e6
    assert estimate.origin.startswith("estimated for stm32f446")


def test_a_device_without_cycles_is_refused():
    with pytest.raises(DeviceError, match=r"got raspberrypi4; .*cycles for an operation"):
        DeviceEstimate(load_device("raspberrypi4"))
