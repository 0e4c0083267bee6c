"""Networks of published tables as plain lists of convolutions, in the order of execution."""

from costmodels.shapes import ConvShape

__all__ = ["RESNET18", "RESNET18_3X3", "RESNET20", "RESNET56", "VGG16_CHANNELS", "VGG16_CIFAR", "VGG16_IMAGENET"]

Convolutions = tuple[ConvShape, ...]

VGG16_CHANNELS = (
    *((3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)),
    *((256, 512), (512, 512), (512, 512), (512, 512), (512, 512), (512, 512)),
)
"""(input, output) channels of its 3x3 convolutions."""


def _convolution(inputs: int, outputs: int, side: int, kernel: int = 3) -> ConvShape:
    """By its output's side; stride is handled by counting output positions."""
    return ConvShape(outputs, inputs, (kernel, kernel), (side, side), padding="same")


def _vgg16(sides: tuple[int, ...]) -> Convolutions:
    return tuple(_convolution(c, n, side) for (c, n), side in zip(VGG16_CHANNELS, sides, strict=True))


def _cifar_resnet(blocks: int) -> Convolutions:
    """6*blocks + 1 convolutions; option-A shortcuts, without parameters."""
    layers = [_convolution(3, 16, 32)]
    for before, after, side in ((16, 16, 32), (16, 32, 16), (32, 64, 8)):
        layers += [_convolution(before, after, side)] + [_convolution(after, after, side)] * (2 * blocks - 1)
    return tuple(layers)


VGG16_CIFAR = _vgg16((32, 32, 16, 16, 8, 8, 8, 4, 4, 4, 2, 2, 2))
VGG16_IMAGENET = _vgg16((224, 224, 112, 112, 56, 56, 56, 28, 28, 28, 14, 14, 14))
RESNET20, RESNET56 = _cifar_resnet(3), _cifar_resnet(9)

_RESNET18_STAGES = ((64, 64, 56), (64, 128, 28), (128, 256, 14), (256, 512, 7))
RESNET18_3X3 = tuple(
    layer for c, n, side in _RESNET18_STAGES for layer in (_convolution(c, n, side), *[_convolution(n, n, side)] * 3)
)
RESNET18 = (
    _convolution(3, 64, 112, 7),
    *RESNET18_3X3,
    *(_convolution(c, n, side, 1) for c, n, side in _RESNET18_STAGES[1:]),
)
