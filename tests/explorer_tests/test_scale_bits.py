"""Scales of few bits in every form: fitted, packed to the bit, trained as they are stored."""

import numpy as np
import pytest
import torch
from torch import nn

from costmodels.kernels.packing import pack_layer, unpack_layer
from costmodels.scales import SCALE_BITS, round_scales
from costmodels.schemes import (
    SCHEMES,
    Dense,
    EntropyCoded,
    LegoNet,
    LowRank,
    NMSparse,
    Pruned,
    SparseBasis,
    StackedBinary,
)
from costmodels.schemes.palettized import Palettized
from costmodels.schemes.ternary import Ternary
from costmodels.schemes.vector_quantized import VectorQuantized
from costmodels.shapes import ConvShape
from explorer.forms.fitting import fit, reconstruct
from explorer.forms.trainable import trainable

SHAPES = {
    "plain": ConvShape(16, 8, 3, 6, padding=1),
    "grouped": ConvShape(15, 6, (1, 3), 5, groups=3),
    "depthwise": ConvShape(7, 7, 3, 6, padding=1, groups=7),
    "one channel": ConvShape(5, 1, (3, 3), 6),
    "one filter": ConvShape(1, 2, (2, 3), 5),
    "linear": ConvShape.linear(10, 33),
}
KINDS = {
    "dense": lambda bits: Dense(3, scale_bits=bits),
    "dense of one bit": lambda bits: Dense(1, "layer", bits),
    "dense with zero points": lambda bits: Dense(2, scale_bits=bits, zero_bits=5),
    "pruned": lambda bits: Pruned(0.4, 4, "index", scale_bits=bits),
    "low-rank": lambda bits: LowRank(2, 4, 3, bits),
    "nm-sparse": lambda bits: NMSparse("1:1", 4, scale_bits=bits),
    "entropy-coded": lambda bits: EntropyCoded(3.0, 6, scale_bits=bits),
    "ternary": lambda bits: Ternary(scale_bits=bits),
    "stacked-binary": lambda bits: StackedBinary(1, 3, "segment", scale_bits=bits),
    "stacked-binary by filter": lambda bits: StackedBinary(1, 3, "filter", scale_bits=bits),
    "lego-net": lambda bits: LegoNet(1, 2, scale_bits=bits),
    "sparse-basis": lambda bits: SparseBasis(1, 3, 4, 0.5, 4, "index", "filter", bits),
    "palettized": lambda bits: Palettized(3, scale_bits=bits),
    "vector-quantized": lambda bits: VectorQuantized(4, 2, 5, 1, bits),
    "sparse-basis of floats": lambda bits: SparseBasis(1, 2, 4, 0.5, 32, scale_bits=bits),
}
CASES = [pytest.param(kind, shape, id=f"{kind} {shape}") for kind in KINDS for shape in SHAPES]


def weights_of(shape, seed=0):
    """Filters of sizes that span two octaves."""
    generator = np.random.default_rng(seed)
    sizes = np.exp2(generator.uniform(-1, 1, (shape.out_channels, 1, 1, 1)))
    return (0.1 * sizes * generator.standard_normal(shape.weight_shape)).astype(np.float32)


def test_every_form_with_scale_bits_is_tried():
    assert {SCHEMES[make(8).name] for make in KINDS.values()} == {
        kind for kind in SCHEMES.values() if "scale_bits" in kind.__dataclass_fields__
    }


@pytest.mark.parametrize(("kind", "shape"), CASES)
def test_packed_bits_are_those_of_the_formula_and_scales_are_read_back(kind, shape):
    shape = SHAPES[shape]
    weights, found = weights_of(shape), {}
    for bits in SCALE_BITS:
        scheme = KINDS[kind](bits)
        layer = fit(weights, shape, scheme)
        stored = [array for name, array in layer.arrays.items() if name.endswith("scales")]
        for scales in stored:
            np.testing.assert_array_equal(round_scales(scales, bits), scales)
        packed = pack_layer(shape, scheme, layer.arrays)
        assert packed.storage == scheme.storage(shape, layer.usage)
        headers = len(stored) * (16 if bits < 16 else 0)
        zeros = 5 * layer.arrays["zeros"].size if "zeros" in layer.arrays else 0
        assert packed.storage["scales"] == sum(scales.size for scales in stored) * bits + headers + zeros
        for name, array in unpack_layer(packed).items():
            np.testing.assert_array_equal(array, layer.arrays[name])
        found[bits] = layer.distortion
    # |W - W8| <= |W - W32| + |W32 - W8|: what rounding moves, the codes found again from there on. Halves have 11 bits,
    # a logarithm is half a step off at most: 1/16 octave or less at 8 bits, 1/2 where 4 bits reach over 7 octaves.
    moved = {16: 2**-11, 8: 2 ** (1 / 16) - 1, 4: 2 ** (1 / 4) - 1}
    for bits, share in moved.items():
        assert found[bits] ** 0.5 <= found[32] ** 0.5 + share


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_trained_is_what_is_stored(kind):
    torch.manual_seed(0)
    module = nn.Conv2d(8, 16, 3, padding=1)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(weights_of(SHAPES["plain"], 1)))
    scheme = KINDS[kind](4)
    fitted = fit(module.weight.detach().numpy(), SHAPES["plain"], scheme)
    layer = trainable(module, fitted)
    np.testing.assert_allclose(layer.weight().detach().numpy(), fitted.weights, rtol=1e-6, atol=1e-8)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
    images = torch.randn(4, 8, 6, 6)
    for _ in range(5):
        optimizer.zero_grad()
        layer(images).square().mean().backward()
        optimizer.step()
        layer.after_step()
    arrays = layer.arrays()
    np.testing.assert_array_equal(round_scales(arrays["scales"], 4), arrays["scales"])
    packed = pack_layer(layer.shape, scheme, arrays)
    assert packed.storage["scales"] == scheme.storage(layer.shape)["scales"]
    trained = layer.weight().detach().numpy()
    np.testing.assert_allclose(reconstruct(layer.shape, scheme, arrays), trained, rtol=1e-5, atol=1e-7)
    assert np.abs(trained - fitted.weights).max() > 0
