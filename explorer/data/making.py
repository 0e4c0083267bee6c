"""A dataset from tensors or arrays, with every fault of them named at once."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.data.dataset import PARTS, Dataset, Split
from explorer.data.drawn import drawn_parts
from explorer.data.targets import made_targets
from explorer.system.errors import DataError
from explorer.system.inputs import Batch, as_inputs, mapped, parts_of

__all__ = ["make_dataset"]

_SHOWN = 5


def make_dataset(parts: Any, name: str, origin: str, any_targets: bool = False) -> Dataset:
    """A checked dataset from tensors or arrays.

    Args:
        parts: a mapping of 'train', 'validation' and, if there is one, 'test' to (inputs, labels), or to inputs alone
            where no part has labels. Inputs are numbers of shape (N, ...), the same in every part but for N, and become
            float32 unchanged; those of a network of several are a tuple of arrays, or a mapping by its arguments.
            Labels are integers of shape (N,) from 0 up, and training data holds the largest.
            Inputs in one array, without parts, are parted as in `explorer.data.drawn.drawn_parts`.
        name: of the data, for reports.
        origin: where it comes from, and whether it is real or synthetic.
        any_targets: whether what is no label is taken too, as targets of a metric (`explorer.data.targets`).

    Raises:
        DataError: with every fault, one a line.
    """
    faults: list[str] = []
    splits: dict[str, Split] = {}
    if _is_array(parts) and len(parts.shape):
        parts = {part: parts[chosen] for part, chosen in drawn_parts(len(parts)).items()}
    if not isinstance(parts, Mapping):
        wanted = f"a mapping of {', '.join(PARTS)}, or one array of inputs without labels,"
        faults.append(f"{wanted} is wanted, not {type(parts).__name__}")
        parts = {}
    else:
        faults += [f"{part}: missing" for part in PARTS[:2] if part not in parts]
        faults += [f"{part}: unknown part; the parts are {', '.join(PARTS)}" for part in parts if part not in PARTS]
    for part in PARTS:
        if part in parts and (split := _split(part, parts[part], faults, any_targets)) is not None:
            splits[part] = split
    if any_targets and not _are_labels(splits):
        splits = {part: split.without_labels() for part, split in splits.items()}
    faults += _disagreements(splits)
    if faults:
        lines = "".join(f"\n  {fault}" for fault in faults)
        raise DataError(f"the data of {name} cannot be used:{lines}")
    notes = tuple(note for part in parts_of(splits["train"].inputs) for note in _constant_channels(part))
    labels = splits["train"].labels
    classes = 0 if labels is None else int(labels.max()) + 1
    return Dataset(name, origin, classes, splits["train"], splits["validation"], splits.get("test"), notes)


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray)


def _constant_channels(inputs: Tensor) -> Iterator[str]:
    """What is said of channels (N, C, ...) that have one value in all training inputs: they tell a network nothing."""
    if inputs.ndim < 3 or len(inputs) < 2:
        return
    channels = inputs.movedim(1, 0).flatten(1)
    constant = torch.nonzero(channels.amin(1) == channels.amax(1)).flatten().tolist()
    if constant:
        shown = ", ".join(map(str, constant[:_SHOWN])) + (
            f" and {len(constant) - _SHOWN} more" if len(constant) > _SHOWN else ""
        )
        yield f"Channels with one value over all training inputs: {shown}. Check how the inputs were read"


def _are_labels(splits: Mapping[str, Split]) -> bool:
    """Whether the labels of all parts classify alike: there are some in each, and the training part has the largest."""
    labels = {part: split.labels for part, split in splits.items() if split.labels is not None}
    greatest = {part: int(own.max()) for part, own in labels.items()}
    return len(greatest) == len(splits) and all(own <= greatest.get("train", own) for own in greatest.values())


def _split(part: str, given: Any, faults: list[str], any_targets: bool) -> Split | None:
    """The part as tensors, or None where they cannot be had; its faults are added to ``faults``."""
    if _is_array(given) or isinstance(given, Mapping):
        given = given, None
    if not isinstance(given, tuple | list) or len(given) != 2:
        wanted = "a pair (inputs, labels), or an array of inputs without labels,"
        faults.append(f"{part}: {wanted} is wanted, not {type(given).__name__}")
        return None
    known = len(faults)
    inputs, labels = _inputs(part, given[0], faults), None
    if inputs is None:
        return None
    of_labels: list[str] = []
    if given[1] is not None and (labels := _tensor(part, "labels", given[1], of_labels)) is not None:
        labels = _checked_labels(part, labels, inputs, of_labels)
    if any_targets and of_labels:
        try:
            found = Split(mapped(inputs, torch.Tensor.contiguous), None, made_targets(given[1], len(inputs)))
        except ValueError as error:
            faults.append(f"{part}: {error}")
    else:
        faults += of_labels
        found = Split(mapped(inputs, torch.Tensor.contiguous), labels)
    return found if len(faults) == known else None


def _inputs(part: str, given: Any, faults: list[str]) -> Batch | None:
    """Inputs as float32: of one array, or of several arrays by name, or in a tuple; None where they cannot be had."""
    if not isinstance(given, Mapping) and not (isinstance(given, tuple) and all(map(_is_array, given))):
        inputs = _tensor(part, "inputs", given, faults)
        return None if inputs is None else _checked_inputs(part, inputs, faults)
    named = given if isinstance(given, Mapping) else dict(enumerate(given))
    found = {str(name): _tensor(part, f"inputs {name}", value, faults) for name, value in named.items()}
    tensors = {name: value for name, value in found.items() if value is not None}
    if not tensors or len(tensors) < len(found):
        faults += [] if found else [f"{part}: no inputs"]
        return None
    checked = {name: _checked_inputs(part, value, faults) for name, value in tensors.items()}
    counts = {value.shape[0] if value.ndim else 0 for value in checked.values()}
    if len(counts) > 1:
        shapes = " and ".join(str(tuple(value.shape)) for value in checked.values())
        faults.append(f"{part}: several inputs of as many images each are wanted, not {shapes}")
        return None
    return as_inputs(checked if isinstance(given, Mapping) else tuple(checked.values()))


def _checked_inputs(part: str, inputs: Tensor, faults: list[str]) -> Tensor:
    """Inputs as float32."""
    if inputs.ndim < 2:
        faults.append(f"{part}: inputs have shape {tuple(inputs.shape)}; (N, ...) is wanted, for images (N, C, H, W)")
    elif inputs.numel() == 0:
        faults.append(f"{part}: no inputs, shape {tuple(inputs.shape)}")
    if inputs.is_complex():
        faults.append(f"{part}: inputs are complex; real numbers are wanted")
    elif not (finite := torch.isfinite(inputs := inputs.to(torch.float32))).all():
        faults.append(f"{part}: inputs hold {int((~finite).sum()):,} values that are NaN or infinite in float32")
    return inputs


def _checked_labels(part: str, labels: Tensor, inputs: Batch, faults: list[str]) -> Tensor:
    """Labels as int64."""
    if labels.ndim != 1:
        faults.append(f"{part}: labels have shape {tuple(labels.shape)}; (N,) is wanted")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        faults.append(f"{part}: labels are {labels.dtype}; integers are wanted")
    elif labels.numel() and int((labels := labels.to(torch.int64)).min()) < 0:
        faults.append(f"{part}: labels start at {int(labels.min())}; 0 is the least")
    if labels.ndim and len(inputs) != len(labels):
        faults.append(f"{part}: {len(inputs):,} inputs but {len(labels):,} labels")
    return labels.contiguous()


def _shapes(split: Split) -> list[tuple[int, ...]]:
    """The shape of each input of one image."""
    return [tuple(part.shape[1:]) for part in parts_of(split.inputs)]


def _tensor(part: str, what: str, value: Any, faults: list[str]) -> Tensor | None:
    """A tensor on the CPU without gradient that nobody else writes to."""
    try:
        return torch.tensor(np.asarray(value)) if not isinstance(value, Tensor) else value.detach().cpu().clone()
    except (TypeError, ValueError, RuntimeError) as error:
        faults.append(f"{part}: {what} are no array of numbers ({error})")
        return None


def _disagreements(splits: Mapping[str, Split]) -> list[str]:
    """Faults between the training part and the others."""
    train = splits.get("train")
    if train is None:
        return []
    faults = []
    shapes, labels = _shapes(train), train.labels
    for part, split in splits.items():
        if _shapes(split) != shapes:
            own, of_train = (" and ".join(map(str, some)) for some in (_shapes(split), shapes))
            faults.append(f"{part}: inputs of shape {own}, but {of_train} in train")
        if (split.judged_by is None) != (train.judged_by is None):
            has, lacks = (part, "train") if train.judged_by is None else ("train", part)
            faults.append(f"{lacks}: no labels, but {has} has some; give all parts labels, or none")
        elif split.labels is not None and labels is not None and int(split.labels.max()) > int(labels.max()):
            faults.append(f"{part}: labels go to {int(split.labels.max())}, but only to {int(labels.max())} in train")
    return faults
