"""What a packed file answers to images, run without the network that it was made of."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from explorer.data import Dataset, Quality, check_network
from explorer.deployment.packed.network import PackedNetwork
from explorer.deployment.packed.reading import PackedFile, load, read_packed
from explorer.networks.load import load_network
from explorer.networks.trace import trace
from explorer.system.inputs import called
from explorer.system.progress import Stage

__all__ = ["open_packed", "packed_quality"]

_BATCH = 50


def open_packed(path: Path, network: str | None, classes: int | None = None) -> tuple[PackedFile, PackedNetwork]:
    """What a packed file holds, and its network ready to run.

    Args:
        path: of the file.
        network: the file has to be for this one.
        classes: of its answers, as in `explorer.networks.load.load_network`.

    Raises:
        FilterfrontError: the file is refused; see `explorer.deployment.packed.load`.
    """
    file = read_packed(path)
    if network is None:
        return file, file.network()
    loaded = load_network(network, classes=classes)
    return file, load(path, trace(loaded.module, loaded.example_input, loaded.name).spec)


def packed_quality(
    network: PackedNetwork, dataset: Dataset, part: str, run: Callable[..., Any] | None = None
) -> Quality:
    """Loss and accuracy of a packed network, with a progress bar.

    Args:
        network: one of a fixed batch leaves out the images that fill none.
        dataset: labelled images.
        part: of the data.
        run: what is run in the network's place; the network itself by default.

    Raises:
        DataError: the network does not fit the data, they have no labels, or there is no such part.
    """
    dataset.check_labelled("the accuracy of a packed file is measured on labelled data", "leave --data out")
    dataset = dataset.mapped(lambda inputs: inputs.of_shapes(network.inputs))  # a packed file has no names of inputs
    split, size = dataset.part(part), network.batch or _BATCH
    answers, every = run or network, torch.zeros(network.batch or 1, dtype=torch.int64)
    check_network(lambda image: called(answers, image[every]), dataset)
    images = len(split) // size * size if network.batch else len(split)
    with Stage(f"running {network.name}", images, "image") as bar:
        return Quality.of(lambda batch: called(answers, batch), split.of(slice(images)), size, bar.update)
