"""The networks of ``../shared/cases`` on which counts were wrong, with the right figures by visible arithmetic."""

from pathlib import Path

import pytest

from costmodels import Dense, network_cost
from explorer.networks.load import load_network
from explorer.networks.trace import trace

CASES = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the example inputs in ../shared/cases are not here")

RIGHT = {
    # Positions that forward makes have no batch dimension: 64 of them.
    "cases/position_mlp.py:build": {"macs": 3 * 8 * 9 * 64 + 64 * 1 * 8 + 8 * 10},
    # (T, B, C): five places of one image, example of four.
    "cases/sequence_first.py:build": {"macs": 3 * 8 * 3 * 5 + 5 * 8 * 4},
    # A layer at 8x8 and at 4x4.
    "cases/several.py:shared": {"macs": 72 * 64 + 576 * 64 + 576 * 16 + 24},
    # 16*8*2*2 weights at 64 places of the input.
    "cases/several.py:transposed": {
        "macs": 16 * 27 * 64 + 16 * 8 * 4 * 64 + 8 * 256,
        "flash_bytes": (16 * 27 + 2 * 16 * 4) + (16 * 8 * 4 + 2 * 8 * 4) + (8 + 2 * 4),
        "sram_bytes": 16 * 64 + 8 * 256,
    },
    # One weight, its scales, two biases.
    "cases/tied_bias.py:build": {"flash_bytes": 576 + 8 * 4 + 2 * 8 * 4},
    # The layer: weights, scales, shift and factor of call 1, bias of call 2; the head.
    "cases/shared_conv_bn_once.py:build": {"flash_bytes": 576 + 8 * 4 + 3 * 8 * 4 + (80 + 2 * 10 * 4)},
    # A view takes no memory, and the input is the caller's: 16 channels, and the two maps made of them.
    "cases/view_sram.py:build": {"sram_bytes": 16 * 256 + 256 + 256, "input_bytes": 3 * 256},
    # Slopes are stored, and applied in place: the peak is at the pooling.
    "cases/prelu.py:build": {
        "sram_bytes": 6400 + 1600,
        "flash_bytes": 16 * 27 + 2 * 16 * 4 + 16 * 4 + 8 * 144 + 2 * 8 * 4,
    },
    "cases/prelu.py:leaky": {"sram_bytes": 6400 + 1600},
    # Scale and shift are stored, and applied in place.
    "cases/bn_after_relu.py:build": {
        "sram_bytes": 6400 + 1600,
        "flash_bytes": 16 * 27 + 2 * 16 * 4 + 2 * 16 * 4 + 8 * 144 + 2 * 8 * 4,
    },
    # A mask is no weight.
    "cases/inf_buffer.py:build": {"macs": 3 * 8 * 9 * 64 + 8 * 4},
    # The convolution pads: two maps of 25x5 places of 64 channels.
    "mlperf-tiny/networks.py:ds_cnn": {"sram_bytes": 8000 + 8000},
    # Its size comes from an index that forward makes; the product of features has MAC too.
    "cases/unbacked.py:build": {"macs": 3 * 8 * 9 * 36 + 8 * 8 * 36 + 36 * 4},
}


@pytest.mark.parametrize("name", RIGHT)
def test_counts(name):
    loaded = load_network(str(CASES.parent / name))
    cost = network_cost(trace(loaded.module, loaded.example_input, loaded.name).spec, Dense(8))
    assert {figure: getattr(cost, figure) for figure in RIGHT[name]} == RIGHT[name]


def test_zeros_before_a_convolution_as_a_tensor_of_their_own():
    """The other convention: input and padded input of a depthwise layer, 64*25*5 and 64*27*7 values, are live."""
    loaded = load_network(f"{CASES.parent / 'mlperf-tiny/networks.py'}:ds_cnn")
    spec = trace(loaded.module, loaded.example_input, loaded.name, padding="tensor").spec
    assert network_cost(spec, Dense(8)).sram_bytes == 64 * 27 * 7 + 64 * 25 * 5
