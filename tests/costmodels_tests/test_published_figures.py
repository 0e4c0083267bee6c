"""Figures that papers and repositories publish, and worked examples on whole networks, each with its rule."""

import pytest

from costmodels.schemes import LinearRepresentation, SparseBasis, StackedBinary
from costmodels.validation.published import PUBLISHED, check_published, macs, stored_bits, weights
from costmodels.validation.reference_networks import (
    RESNET18,
    RESNET18_3X3,
    RESNET20,
    RESNET56,
    VGG16_CIFAR,
    VGG16_IMAGENET,
)


def test_reference_integers():
    assert (weights(VGG16_CIFAR), macs(VGG16_CIFAR)) == (14_710_464, 313_196_544)
    assert macs(VGG16_IMAGENET) == 15_346_630_656
    assert (weights(RESNET20), macs(RESNET20)) == (267_696, 40_550_400)
    assert (weights(RESNET56), macs(RESNET56)) == (848_304, 125_485_056)
    assert weights(RESNET18) == 11_166_912
    assert macs(RESNET18) + 512 * 1000 == 1_814_073_344  # with the linear layer
    assert weights(RESNET18_3X3) == 10_985_472


@pytest.mark.parametrize("figure", PUBLISHED, ids=lambda figure: f"{figure.source}: {figure.quantity}")
def test_the_formulas_give_the_published_figure(figure):
    assert figure.computed == figure.exact
    assert figure.as_printed


ARITHMETIC = {
    "VGG-16 CIFAR, k-means, parameters": 2 * 14_710_464 // 9,
    "ResNet-56, k-means, codebook of 128, parameters": 2 * 848_304 // 9 + 128 * 9,
    "ResNet-18, 3x3 kernels": 10_985_472 // 9,
    "VGG-16 CIFAR, o2 m0.5, MAC in units of 2^20": round(313_196_544 / 2 / 2**20, 2),  # k*c*d^2*H'W' with k = n/2
    "VGG-16 CIFAR, o4 m0.25, MAC in units of 2^20": round(313_196_544 / 4 / 2**20, 2),
    "VGG-16 ImageNet, more than 500 MB": round(4 * 138_357_544 / 1e6, 2),
}


@pytest.mark.parametrize("quantity", ARITHMETIC)
def test_the_exact_figure_is_this_arithmetic(quantity):
    (figure,) = [figure for figure in PUBLISHED if figure.quantity == quantity]
    assert figure.exact == ARITHMETIC[quantity]


def test_every_figure_is_checked_once():
    assert [check.component for check in check_published()] == [figure.quantity for figure in PUBLISHED]
    assert len(PUBLISHED) == 22
    assert all(check.agrees for check in check_published())


# Worked examples on whole networks.


@pytest.mark.parametrize(
    ("layers", "ratio"),
    [(VGG16_CIFAR, 3.9975), (RESNET56, 3.957), (RESNET20, 3.867)],
    ids=["vgg16", "resnet56", "resnet20"],
)
def test_linear_representation_with_one_codebook_of_256(layers, ratio):
    """All at 32 bits, index counted, the codebook counted once for the network."""
    scheme = LinearRepresentation(templates=256, codebook="network")
    stored = sum(stored_bits(scheme, shape) for shape in layers) + 32 * 256 * 9
    assert stored == weights(layers) // 9 * (2 * 32 + 8) + 32 * 256 * 9
    assert 32 * weights(layers) / stored == pytest.approx(ratio, abs=10.0 ** -len(str(ratio).split(".")[1]) / 2)


def sparse_vgg16(scheme, uncounted=lambda storage, shape: 0):
    """Ratio on VGG-16 with the first three convolutions at 32 bits and counted."""
    dense, compressed = VGG16_CIFAR[:3], VGG16_CIFAR[3:]
    stored = sum(32 * shape.weights for shape in dense)
    stored += sum(stored_bits(scheme, shape) - uncounted(scheme.storage(shape), shape) for shape in compressed)
    return 32 * weights(VGG16_CIFAR) / stored


@pytest.mark.parametrize(
    ("parameters", "ratio"),
    [
        ({"basis_bits": 32, "coefficients": "dense"}, 4.584),
        ({"basis_bits": 8, "coefficients": "dense"}, 6.995),
        ({"basis_bits": 1, "coefficients": "dense"}, 8.262),
        ({"basis_bits": 1, "density": 0.1, "coefficients": "bitmap"}, 39.62),
        ({"basis_bits": 1, "density": 0.1, "coefficients": "bitmap", "coefficient_bits": 8}, 58.92),
    ],
)
def test_sparse_basis_on_vgg16(parameters, ratio):
    """m = s = 128, coefficients of 32 bits unless said otherwise, one quantizer scale a layer."""
    digits = len(str(ratio).split(".")[1])
    assert round(sparse_vgg16(SparseBasis(128, 128, **parameters)), digits) == ratio


def test_sparse_basis_on_vgg16_without_quantizer_scales():
    """Coefficients of 8 bits reach 58.93 when the ten scales of 32 bits are left out, 58.92 when they count."""
    scheme = SparseBasis(128, 128, basis_bits=1, density=0.1, coefficient_bits=8)
    assert round(sparse_vgg16(scheme, lambda storage, shape: storage["scales"]), 2) == 58.93


def test_sparse_basis_on_vgg16_as_index():
    """b = 1, density 0.1: 41.31 with the row counts left out, which are n*S counts of L2(129) = 8 bits. The index wins
    over the bitmap, 39.62, since density * L2(m) = 0.1 * 7 < 1."""
    scheme = SparseBasis(128, 128, basis_bits=1, density=0.1, coefficients="index")
    without = sparse_vgg16(scheme, lambda storage, shape: shape.out_channels * (shape.in_channels // 128) * 8)
    assert round(without, 2) == 41.31
    assert 39.62 < sparse_vgg16(scheme) < without


@pytest.mark.parametrize(("selection", "ratio"), [("packed", 434), ("one-hot", 169), ("uncounted", 483)])
def test_stacked_binary_on_vgg16_by_storage_of_the_selection(selection, ratio):
    """s = c/4 and k = n/4, without scales; the stem at 32 bits and counted."""
    stem, *layers = VGG16_CIFAR
    stored = 32 * stem.weights
    for shape in layers:
        stored += stored_bits(
            StackedBinary(shape.in_channels // 4, shape.out_channels // 4, selection=selection), shape
        )
    assert round(32 * weights(VGG16_CIFAR) / stored) == ratio
