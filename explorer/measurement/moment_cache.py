"""Sums over the inputs of a network's layers on disk, a file for each layer, found again by the network and the images
that gave them. What is read is one layer at a time, so that no process holds more."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch

from explorer.measurement.input_moments import InputSums
from explorer.networks.trace import TracedNetwork
from explorer.system.errors import QualityError
from explorer.system.inputs import Batch, parts_of
from reports.atomic_write import whole_file

__all__ = ["KeptSums", "MomentCache"]

VERSION = 2
"""To be raised when the sums are made in another way."""

MOST_BYTES, MOST_ENTRIES = 6 * 1024**3, 8
"""Of all entries together the oldest are removed; the one that is being written stays."""

INDEX = "layers.json"
DIGEST_BYTES = hashlib.sha256().digest_size

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptSums:
    """The sums of one network on some images.

    Args:
        folder: of the entry.
        layers: names, in order.
        parts: how many parts of the images have sums of their own.
    """

    folder: Path
    layers: tuple[str, ...]
    parts: int

    def of(self, layer: str) -> tuple[InputSums | None, ...]:
        """The sums of a layer, part by part; None where a part never reached it.

        Raises:
            QualityError: they are damaged, or gone.
        """
        try:
            found = tuple(_read(self._path(layer, part)) for part in range(self.parts))
            if not any(found):
                raise ValueError(f"nothing of {layer}")
            return found
        except (OSError, ValueError) as error:
            rule = "what a search keeps in the cache stays there while it runs"
            raise QualityError(rule, f"{self.folder} ({error})", "run it again; what is there is used") from error

    def write(self, layer: str, part: int, sums: InputSums) -> None:
        """Keeps sums.

        Raises:
            OSError: they cannot be written.
        """
        count = torch.tensor(sums.patches)
        tensors = {"squares": sums.squares.contiguous(), "values": sums.values.contiguous(), "count": count}
        stored = safetensors.torch.save(tensors)
        with whole_file(self._path(layer, part), durable=False) as unfinished:
            unfinished.write_bytes(hashlib.sha256(stored).digest() + stored)

    def finish(self) -> None:
        """Says that all sums are there.

        Raises:
            OSError: it cannot be written.
        """
        with whole_file(self.folder / INDEX, durable=False) as unfinished:
            unfinished.write_text(json.dumps({"layers": self.layers, "parts": self.parts}))

    def _path(self, layer: str, part: int) -> Path:
        return self.folder / f"{hashlib.sha256(layer.encode()).hexdigest()[:32]}-{part}.sums"


@dataclass(frozen=True)
class MomentCache:
    """Entries under ``folder``, which is made when the first one is kept. A file is a SHA-256 over its content, then
    the content as safetensors; an entry with one that is damaged counts as none."""

    folder: Path

    def read(self, traced: TracedNetwork, images: Batch) -> KeptSums | None:
        """The sums of a network on images; None where there are none.

        Args:
            traced: the network.
            images: (N, ...).
        """
        entry = self._folder(traced, images)
        try:
            index = json.loads((entry / INDEX).read_text())
            found = KeptSums(entry, tuple(index["layers"]), int(index["parts"]))
            for layer in found.layers:
                found.of(layer)
            os.utime(entry / INDEX)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, QualityError) as error:
            _log.warning("%s is damaged (%s): computed again", entry, error)
            return None
        return found

    def begin(self, traced: TracedNetwork, images: Batch, layers: Iterable[str], parts: int) -> KeptSums:
        """An entry to be written.

        Args:
            traced: the network.
            images: (N, ...).
            layers: names.
            parts: how many parts of the images have sums of their own.
        """
        return KeptSums(self._folder(traced, images), tuple(layers), parts)

    def tidy(self, kept: KeptSums) -> None:
        """Removes the oldest entries beyond `MOST_ENTRIES` and `MOST_BYTES`, but never this one."""
        with suppress(OSError):
            entries = sorted(self.folder.glob("*.moments"), key=lambda path: path.stat().st_mtime, reverse=True)
            others = [path for path in entries if path != kept.folder]
            room = MOST_BYTES - _size(kept.folder)
            for place, path in enumerate(others):
                room -= _size(path)
                if place >= MOST_ENTRIES - 1 or room < 0:
                    shutil.rmtree(path, ignore_errors=True)

    def _folder(self, traced: TracedNetwork, images: Batch) -> Path:
        return self.folder / f"{_key(traced, images)}.moments"


def _read(path: Path) -> InputSums | None:
    """Sums in a file; None where there is no file.

    Raises:
        ValueError: it is damaged.
    """
    try:
        content = memoryview(path.read_bytes())
    except FileNotFoundError:
        return None
    stored = bytes(content[DIGEST_BYTES:])
    if bytes(content[:DIGEST_BYTES]) != hashlib.sha256(stored).digest():
        raise ValueError(f"{path.name} is not what was written")
    tensors = safetensors.torch.load(stored)
    return InputSums(tensors["squares"], tensors["values"], int(tensors["count"]))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0


def _key(traced: TracedNetwork, images: Batch) -> str:
    """Of all that the sums depend on: the graph, everything that it stores, and the images."""
    shapes = [tuple(part.shape) for part in parts_of(images)]
    content = hashlib.sha256(f"{VERSION} {traced.spec.digest()} {traced.fixed_batch} {shapes}\n".encode())
    for name, tensor in (*sorted(traced.graph.state_dict().items()), *(("images", part) for part in parts_of(images))):
        content.update(f"{name} {tensor.dtype}\n".encode())
        content.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return content.hexdigest()
