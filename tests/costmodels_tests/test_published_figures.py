"""Figures that papers and repositories publish, and worked examples on whole networks, each with its rule.

Networks are plain lists of convolutions here: (input channels, output channels, output side, kernel side).
"""

import pytest

from costmodels.schemes import Dense, LegoNet, LinearRepresentation, SparseBasis, StackedBinary, learned_filter_basis
from costmodels.shapes import ConvShape

VGG16_CHANNELS = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
VGG16_CHANNELS += [(256, 512), (512, 512), (512, 512), (512, 512), (512, 512), (512, 512)]
VGG16_CIFAR_SIDES = [32, 32, 16, 16, 8, 8, 8, 4, 4, 4, 2, 2, 2]
VGG16_IMAGENET_SIDES = [224, 224, 112, 112, 56, 56, 56, 28, 28, 28, 14, 14, 14]
VGG16_CIFAR = [(c, n, side, 3) for (c, n), side in zip(VGG16_CHANNELS, VGG16_CIFAR_SIDES, strict=True)]
VGG16_IMAGENET = [(c, n, side, 3) for (c, n), side in zip(VGG16_CHANNELS, VGG16_IMAGENET_SIDES, strict=True)]


def cifar_resnet(blocks):
    """6*blocks + 2 layers; option-A shortcuts, without parameters."""
    layers = [(3, 16, 32, 3)]
    for before, after, side in ((16, 16, 32), (16, 32, 16), (32, 64, 8)):
        layers += [(before, after, side, 3)] + [(after, after, side, 3)] * (2 * blocks - 1)
    return layers


RESNET20, RESNET56 = cifar_resnet(3), cifar_resnet(9)
RESNET18_STAGES = ((64, 64, 56), (64, 128, 28), (128, 256, 14), (256, 512, 7))
RESNET18_3X3 = [layer for c, n, side in RESNET18_STAGES for layer in [(c, n, side, 3)] + [(n, n, side, 3)] * 3]
RESNET18 = [(3, 64, 112, 7), *RESNET18_3X3] + [(c, n, side, 1) for c, n, side in RESNET18_STAGES[1:]]


def shapes(layers):
    return [ConvShape(n, c, kernel, side, padding="same") for c, n, side, kernel in layers]


def weights(layers):
    return sum(shape.weights for shape in shapes(layers))


def macs(layers):
    return sum(shape.dense_macs for shape in shapes(layers))


def bits(scheme, shape, leave_out=()):
    """Storage bits of a layer, without some components."""
    return sum(count for name, count in scheme.storage(shape).items() if name not in leave_out)


def test_reference_integers():
    assert (weights(VGG16_CIFAR), macs(VGG16_CIFAR)) == (14_710_464, 313_196_544)
    assert macs(VGG16_IMAGENET) == 15_346_630_656
    assert (weights(RESNET20), macs(RESNET20)) == (267_696, 40_550_400)
    assert (weights(RESNET56), macs(RESNET56)) == (848_304, 125_485_056)
    assert weights(RESNET18) == 11_166_912
    assert macs(RESNET18) + 512 * 1000 == 1_814_073_344  # with the linear layer


def test_lfb_vgg16_with_a_basis_of_128():
    """LFB, 3.21M and 21.8%: m = s = 128, the first three convolutions dense, convolution weights only."""
    dense, compressed = shapes(VGG16_CIFAR)[:3], shapes(VGG16_CIFAR)[3:]
    scheme = learned_filter_basis(segment_channels=128, filters=128)
    parameters = sum(shape.weights for shape in dense) + sum(bits(scheme, shape) // 32 for shape in compressed)
    assert parameters == 3_208_896
    assert round(100 * parameters / weights(VGG16_CIFAR), 2) == 21.81


def test_lfb_vgg16_k_means():
    """LFB, 3.27M and 22.2%: two parameters for each 3x3 kernel; index and codebook uncounted."""
    scheme = LinearRepresentation(templates=256, codebook="uncounted")
    parameters = sum(bits(scheme, shape, leave_out=("index",)) // 32 for shape in shapes(VGG16_CIFAR))
    assert parameters == 2 * 14_710_464 // 9 == 3_268_992
    assert round(100 * parameters / weights(VGG16_CIFAR), 1) == 22.2


def test_lfb_resnet56_k_means():
    """LFB, 190k and 22.4%: two parameters for each 3x3 kernel, one codebook of 128 for the network; index uncounted."""
    scheme = LinearRepresentation(templates=128, codebook="network")
    layers = shapes(RESNET56)
    shared = {key: count for shape in layers for key, count in scheme.shared_storage(shape).items()}
    assert list(shared.values()) == [128 * 9 * 32]  # one codebook, whatever the number of layers
    parameters = (sum(bits(scheme, shape, leave_out=("index",)) for shape in layers) + sum(shared.values())) // 32
    assert parameters == 2 * 848_304 // 9 + 128 * 9 == 189_664
    assert round(100 * parameters / weights(RESNET56), 1) == 22.4


def lego(shape, segments, share):
    """LegoNet with the stem, whose 3 channels do not divide, as one segment; the count of MACs does not depend on S."""
    segments = segments if shape.in_channels % segments == 0 else 1
    return LegoNet(shape.in_channels // segments, round(share * shape.out_channels))


@pytest.mark.parametrize(
    ("segments", "share", "published_macs", "exact_macs", "published_parameters"),
    [
        (2, 0.5, 149.4, 149.34, 3.7),
        (2, 0.25, 74.7, 74.67, 1.9),
        (4, 0.5, 149.4, 149.34, 1.9),
        (4, 0.25, 74.7, 74.67, 0.9),
    ],
)
def test_legonet_table_1(segments, share, published_macs, exact_macs, published_parameters):
    """VGG-16 on CIFAR: MACs in units of 2^20, the merge uncounted; parameters of the lego filters alone, to 0.1M."""
    layers = shapes(VGG16_CIFAR)
    schemes = [lego(shape, segments, share) for shape in layers]
    count = sum(scheme.executions(shape, 32)["shared-maps"].macs for scheme, shape in zip(schemes, layers, strict=True))
    assert round(macs(VGG16_CIFAR) / 2**20, 2) == 298.69
    assert round(count / 2**20, 2) == exact_macs == pytest.approx(published_macs, abs=0.1)
    assert count == round(share * macs(VGG16_CIFAR))  # k*c*d^2*H'W' with k = share*n
    filters = sum(scheme.storage(shape)["basis"] // 32 for scheme, shape in zip(schemes, layers, strict=True))
    assert filters / 1e6 == pytest.approx(published_parameters, abs=0.1)


@pytest.mark.parametrize(("share", "published", "exact"), [(0.5, 4.2, 4.217), (0.6, 5.0, 4.951)])
def test_legonet_table_2(share, published, exact):
    """VGG-GAP on ImageNet, two segments: dense stem, linear layer of 512x1000 with bias, four values of batch
    normalization a channel, n*S coefficients, share*n lego filters rounded; the selection mask uncounted."""
    stem, *layers = shapes(VGG16_IMAGENET)
    parameters = stem.weights + 512 * 1000 + 1000 + 4 * sum(n for _, n in VGG16_CHANNELS)
    for shape in layers:
        scheme = LegoNet(
            shape.in_channels // 2, round(share * shape.out_channels), scale="segment", selection="uncounted"
        )
        assert scheme.storage(shape)["scales"] == 32 * 2 * shape.out_channels
        parameters += bits(scheme, shape) // 32
    assert round(parameters / 1e6, 3) == exact == pytest.approx(published, abs=0.05)


def test_clustering_kernels_resnet18():
    """README of the kernel clustering repository, 1.2M: kernels of the 3x3 convolutions of ResNet-18."""
    assert sum(shape.kernels for shape in shapes(RESNET18_3X3)) == 1_220_608 == 10_985_472 // 9


@pytest.mark.parametrize("layers", [VGG16_CIFAR, RESNET20, RESNET18], ids=["vgg16", "resnet20", "resnet18"])
def test_xnor_net_saves_32_times_the_memory(layers):
    """XNOR-Net, abstract: one bit for 32; convolution weights, the scales left out."""
    stored = sum(bits(Dense(weight_bits=1), shape, leave_out=("scales",)) for shape in shapes(layers))
    assert 32 * weights(layers) == 32 * stored


def test_vgg16_on_imagenet_takes_more_than_500_mb():
    """Paper 1, introduction: more than 500 MB and 15 G operations. All 138,357,544 parameters at 4 bytes, MB = 10^6;
    MACs with the three linear layers."""
    linear = [(512 * 49, 4096), (4096, 4096), (4096, 1000)]
    biases = sum(n for _, n in VGG16_CHANNELS) + sum(n for _, n in linear)
    parameters = weights(VGG16_IMAGENET) + sum(c * n for c, n in linear) + biases
    assert parameters == 138_357_544
    assert round(4 * parameters / 1e6, 2) == 553.43
    assert round((macs(VGG16_IMAGENET) + sum(c * n for c, n in linear)) / 1e9, 2) == 15.47


# Worked examples on whole networks.


@pytest.mark.parametrize(
    ("layers", "ratio"),
    [(VGG16_CIFAR, 3.9975), (RESNET56, 3.957), (RESNET20, 3.867)],
    ids=["vgg16", "resnet56", "resnet20"],
)
def test_linear_representation_with_one_codebook_of_256(layers, ratio):
    """All at 32 bits, index counted, the codebook counted once for the network."""
    scheme = LinearRepresentation(templates=256, codebook="network")
    stored = sum(bits(scheme, shape) for shape in shapes(layers)) + 32 * 256 * 9
    assert stored == weights(layers) // 9 * (2 * 32 + 8) + 32 * 256 * 9
    assert 32 * weights(layers) / stored == pytest.approx(ratio, abs=10.0 ** -len(str(ratio).split(".")[1]) / 2)


def sparse_vgg16(scheme, uncounted=lambda storage, shape: 0):
    """Ratio on VGG-16 with the first three convolutions at 32 bits and counted."""
    dense, compressed = shapes(VGG16_CIFAR)[:3], shapes(VGG16_CIFAR)[3:]
    stored = sum(32 * shape.weights for shape in dense)
    stored += sum(bits(scheme, shape) - uncounted(scheme.storage(shape), shape) for shape in compressed)
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
    stem, *layers = shapes(VGG16_CIFAR)
    stored = 32 * stem.weights
    for shape in layers:
        stored += bits(StackedBinary(shape.in_channels // 4, shape.out_channels // 4, selection=selection), shape)
    assert round(32 * weights(VGG16_CIFAR) / stored) == ratio
