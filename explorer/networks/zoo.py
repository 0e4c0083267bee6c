"""The zoo: networks by name. Listing it imports no torch; building one gives random weights from a fixed seed."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from explorer.system.errors import NetworkError

if TYPE_CHECKING:
    import torch

__all__ = ["SEED", "ZOO", "ZooEntry", "build", "zoo_entry"]

SEED = 0
"""Every network of the zoo is initialised from this seed, as PyTorch initialises its layers."""


@dataclass(frozen=True)
class ZooEntry:
    """A network of the zoo.

    Args:
        name: what the command line calls it.
        builder: ``module:function`` that returns the module.
        input_shape: (channels, height, width) of one image.
        summary: one line.
        reference: where it is described.
    """

    name: str
    builder: str
    input_shape: tuple[int, int, int]
    summary: str
    reference: str


_FAMILIES = "explorer.networks.architectures"
_RESNET = "He, Zhang, Ren & Sun, CVPR 2016, arXiv 1512.03385"
_VGG = "Simonyan & Zisserman, ICLR 2015, arXiv 1409.1556"
_ENTRIES = (
    ZooEntry(
        "digits-cnn",
        f"{_FAMILIES}.digits:digits_cnn",
        (1, 8, 8),
        "four 3x3 convolutions for scikit-learn's 8x8 digits; 157,920 weights",
        "filterfront's own",
    ),
    ZooEntry(
        "resnet20-cifar",
        f"{_FAMILIES}.resnet:resnet20_cifar",
        (3, 32, 32),
        "ResNet-20 with parameter-free (option A) shortcuts; 267,696 conv weights",
        f"{_RESNET}, section 4.2",
    ),
    ZooEntry(
        "resnet56-cifar",
        f"{_FAMILIES}.resnet:resnet56_cifar",
        (3, 32, 32),
        "ResNet-56 with parameter-free (option A) shortcuts; 848,304 conv weights",
        f"{_RESNET}, section 4.2",
    ),
    ZooEntry(
        "vgg16-cifar",
        f"{_FAMILIES}.vgg:vgg16_cifar",
        (3, 32, 32),
        "VGG-16 with batch normalization and one fully connected layer; 14,710,464 conv weights",
        f"{_VGG}, configuration D, for 32x32 images",
    ),
    ZooEntry(
        "resnet18",
        f"{_FAMILIES}.resnet:resnet18",
        (3, 224, 224),
        "ResNet-18; 11,166,912 conv weights",
        f"{_RESNET}, table 1",
    ),
    ZooEntry(
        "resnet50",
        f"{_FAMILIES}.resnet:resnet50",
        (3, 224, 224),
        "ResNet-50 with the stride in the 3x3 convolutions; 23,454,912 conv weights",
        f"{_RESNET}, table 1",
    ),
    ZooEntry(
        "vgg16",
        f"{_FAMILIES}.vgg:vgg16",
        (3, 224, 224),
        "VGG-16 without batch normalization; 138,357,544 parameters",
        f"{_VGG}, configuration D",
    ),
    ZooEntry(
        "mobilenet-v2",
        f"{_FAMILIES}.mobilenet:mobilenet_v2",
        (3, 224, 224),
        "MobileNet-V2 of width 1.0; 3,504,872 parameters",
        "Sandler et al., CVPR 2018, arXiv 1801.04381, table 2",
    ),
)
ZOO: Mapping[str, ZooEntry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""The networks by name, in the order in which they are listed."""


def zoo_entry(name: str) -> ZooEntry:
    """The entry of that name.

    Raises:
        NetworkError: there is none; the message lists the names and the closest one.
    """
    if name in ZOO:
        return ZOO[name]
    close = difflib.get_close_matches(name, ZOO, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise NetworkError(
        "a network is a name of the zoo, package.module:callable or file.py:callable",
        name,
        f"{hint}the zoo has {', '.join(ZOO)}",
    )


def build(name: str, classes: int | None = None) -> "tuple[torch.nn.Module, torch.Tensor]":
    """A network of the zoo with random weights (seed `SEED`), in eval mode, and an example input of one image.

    The caller's random state stays as it was, and the weights do not depend on it.

    Args:
        name: in the zoo.
        classes: outputs of the classifier; None for those of the publication, 10 or 1,000.

    Raises:
        NetworkError: the zoo has no network of that name.
    """
    import torch

    entry = zoo_entry(name)
    module_name, _, function = entry.builder.partition(":")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(SEED)
        options = {} if classes is None else {"classes": classes}
        module = getattr(import_module(module_name), function)(**options).eval()
    return module, torch.zeros(1, *entry.input_shape)
