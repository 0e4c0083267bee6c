"""The state of a training after its last finished epoch, in a file."""

import hashlib
import io
import logging
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from reports.atomic_write import whole_file

__all__ = ["Checkpoint"]

_LOG = logging.getLogger(__name__)
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Checkpoint:
    """A file of tensors, numbers and text behind their SHA-256. Nothing in it is run when it is read (weights only).

    A folder that cannot be written costs a warning, and the training could not go on after an interruption.
    """

    path: Path

    def save(self, state: dict[str, Any]) -> None:
        """Writes the state under a temporary name, then renames it: the file is always a whole one."""
        stream = io.BytesIO()
        torch.save(state, stream)
        content = stream.getvalue()
        try:
            with whole_file(self.path) as unfinished:
                unfinished.write_bytes(hashlib.sha256(content).digest() + content)
        except OSError as error:
            _LOG.warning("this epoch's state is not kept: %s", error)

    def load(self) -> dict[str, Any] | None:
        """The state; None where there is none, or a damaged file, which is warned of."""
        if not self.path.is_file():
            return None
        try:
            stored = self.path.read_bytes()
            digest, content = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
            if hashlib.sha256(content).digest() != digest:
                raise ValueError("its content does not have the digest that was written with it")
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            if not isinstance(state, dict):
                raise ValueError(f"it holds a {type(state).__name__}")
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            _LOG.warning("%s is damaged, the training begins again: %s", self.path, reason)
            return None
        return state

    def remove(self) -> None:
        """Takes the file away, once the trained weights are kept."""
        self.path.unlink(missing_ok=True)
