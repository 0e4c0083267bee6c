"""``filterfront run``: a packed file on labelled images, without the network that it was made of."""

from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from explorer.data import Dataset, check_network
from explorer.networks.load import load_network
from explorer.networks.trace import trace
from explorer.packed.network import PackedNetwork
from explorer.packed.reading import PackedFile, load, read_packed
from explorer.training.learner import count_correct

__all__ = ["Measured", "open_packed", "run_packed"]

_BATCH = 50


@dataclass(frozen=True)
class Measured:
    """Share of 1 of right answers, on how many images, of which data."""

    accuracy: float
    images: int
    data: str


def open_packed(path: Path, network: str | None, classes: int | None = None) -> tuple[PackedFile, PackedNetwork]:
    """What a packed file holds, and its network ready to run.

    Args:
        path: of the file.
        network: the file has to be for this one; with ``classes`` as in `explorer.networks.load.load_network`.

    Raises:
        FilterfrontError: the file is refused; see `explorer.packed.load`.
    """
    file = read_packed(path)
    if network is None:
        return file, file.network()
    loaded = load_network(network, classes=classes)
    return file, load(path, trace(loaded.module, loaded.example_input, loaded.name).spec)


def run_packed(network: PackedNetwork, dataset: Dataset, part: str) -> Measured:
    """The accuracy of a packed network on a part of data, with a progress bar.

    Raises:
        DataError: the network does not fit the data, or there is no such part.
    """
    split, size = dataset.part(part), network.batch or _BATCH
    check_network(lambda image: network(image.expand(network.batch or 1, *image.shape[1:])), dataset)
    correct, images = 0, len(split) // size * size if network.batch else len(split)
    with tqdm(total=images, desc=f"running {network.name}", unit="image", disable=None) as bar:
        for inputs, labels in zip(split.inputs[:images].split(size), split.labels[:images].split(size), strict=True):
            correct += count_correct(network(inputs).to(torch.float64), labels)
            bar.update(len(labels))
    return Measured(correct / images, images, dataset.name)
