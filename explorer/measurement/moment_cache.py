"""Sums over the inputs of a network's layers on disk, found again by the network and the images that gave them."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from explorer.measurement.input_moments import InputSums
from explorer.networks.trace import TracedNetwork
from reports.atomic_write import whole_file

__all__ = ["MomentCache"]

VERSION = 1
"""To be raised when the sums are made in another way."""

MOST_BYTES, MOST_ENTRIES = 512 * 1024 * 1024, 8
"""An entry that would be larger is not kept; of more entries the oldest are removed."""

DIGEST_BYTES = hashlib.sha256().digest_size
Sums = tuple[dict[str, InputSums], ...]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MomentCache:
    """Sums under ``folder``, which is made when the first ones are kept. An entry is a SHA-256 over key and content,
    then the content as safetensors; one that is damaged counts as none, and a folder that cannot be written is said.
    """

    folder: Path

    def read(self, traced: TracedNetwork, images: Tensor) -> Sums | None:
        """The sums of a network on images, part by part; None where there are none.

        Args:
            traced: the network.
            images: (N, ...).
        """
        key = _key(traced, images)
        try:
            content = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("cannot read %s (%s): computed again", self._path(key), error)
            return None
        if content[:DIGEST_BYTES] != _digest(key, content[DIGEST_BYTES:]):
            _log.warning("%s is damaged: computed again", self._path(key))
            return None
        tensors = safetensors.torch.load(content[DIGEST_BYTES:])
        parts: list[dict[str, InputSums]] = [{} for _ in range(int(tensors["parts"]))]
        for name, squares in tensors.items():
            number, _, layer = name.partition(" squares ")
            if layer:
                values, count = (tensors[f"{number} {kind} {layer}"] for kind in ("values", "count"))
                parts[int(number)][layer] = InputSums(squares, values, int(count))
        return tuple(parts)

    def write(self, traced: TracedNetwork, images: Tensor, sums: Sums) -> None:
        """Keeps sums, unless they are too large.

        Args:
            traced: the network.
            images: (N, ...).
            sums: part by part, by layer.
        """
        tensors: dict[str, Tensor] = {"parts": torch.tensor(len(sums))}
        for number, part in enumerate(sums):
            for layer, own in part.items():
                tensors[f"{number} squares {layer}"] = own.squares.contiguous()
                tensors[f"{number} values {layer}"] = own.values.contiguous()
                tensors[f"{number} count {layer}"] = torch.tensor(own.patches)
        if sum(tensor.nbytes for tensor in tensors.values()) > MOST_BYTES:
            return
        key = _key(traced, images)
        stored = safetensors.torch.save(tensors)
        try:
            with whole_file(self._path(key), durable=False) as unfinished:
                unfinished.write_bytes(_digest(key, stored) + stored)
            entries = sorted(self.folder.glob("*.moments"), key=lambda path: path.stat().st_mtime)
            for path in entries[:-MOST_ENTRIES]:
                path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("cannot keep %s (%s)", self._path(key), error)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.moments"


def _digest(key: str, stored: bytes) -> bytes:
    return hashlib.sha256(key.encode() + stored).digest()


def _key(traced: TracedNetwork, images: Tensor) -> str:
    """Of all that the sums depend on: the graph, everything that it stores, and the images."""
    content = hashlib.sha256(f"{VERSION} {traced.spec.digest()} {traced.fixed_batch} {tuple(images.shape)}\n".encode())
    for name, tensor in (*sorted(traced.graph.state_dict().items()), ("images", images)):
        content.update(f"{name} {tensor.dtype}\n".encode())
        content.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return content.hexdigest()
