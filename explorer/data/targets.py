"""Targets of any kind, for a metric of the user's: what the network's outputs for each image are compared with."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

__all__ = ["chosen_targets", "made_targets", "targets_digest"]


def made_targets(given: Any, count: int) -> Any:
    """Targets of a part as they are kept: a tensor (N, ...), a list of N things, or a mapping of names to these.

    Args:
        given: tensors or arrays (N, ...), a sequence of N things, or a mapping of names to these; arrays of numbers
            become tensors, and all tensors are copies on the CPU.
        count: N.

    Raises:
        ValueError: they are of another kind, or not N.
    """
    if isinstance(given, Mapping):
        return {str(name): made_targets(part, count) for name, part in given.items()}
    if isinstance(given, np.ndarray) and given.dtype.kind in "fiubc":
        given = torch.tensor(given)
    if isinstance(given, Tensor):
        given = given.detach().cpu().clone()
    elif isinstance(given, np.ndarray | Sequence) and not isinstance(given, str | bytes):
        given = list(given)
    else:
        raise ValueError(f"targets are an array, a sequence or a mapping of these, not {type(given).__name__}")
    found = given.shape[0] if isinstance(given, Tensor) and given.ndim else len(given) if isinstance(given, list) else 0
    if found != count:
        raise ValueError(f"{count:,} inputs but {found:,} targets")
    return given


def chosen_targets(targets: Any, chosen: Tensor | slice) -> Any:
    """The targets of these places alone."""
    if targets is None:
        return None
    if isinstance(targets, dict):
        return {name: chosen_targets(part, chosen) for name, part in targets.items()}
    if isinstance(targets, Tensor):
        return targets[chosen]
    return targets[chosen] if isinstance(chosen, slice) else [targets[int(place)] for place in chosen]


def targets_digest(targets: Any) -> bytes:
    """SHA-256 of targets: of the values of tensors and arrays, of other things as they print."""
    digest = hashlib.sha256()
    leaves, structure = pytree.tree_flatten(targets)
    digest.update(str(structure).encode())
    for leaf in leaves:
        if isinstance(leaf, Tensor | np.ndarray):
            values = np.ascontiguousarray(leaf.detach().cpu().numpy() if isinstance(leaf, Tensor) else leaf)
            digest.update(f"{values.shape} {values.dtype}".encode())
            digest.update(values.tobytes() if values.dtype.kind != "O" else repr(values.tolist()).encode())
        else:
            digest.update(repr(leaf).encode())
    return digest.digest()
