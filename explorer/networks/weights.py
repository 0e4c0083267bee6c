"""Weights of a module from a file, and the check that they are numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.parameter import is_lazy

from explorer.system.errors import NetworkError

__all__ = ["check_finite", "load_weights_file"]

_UNUSED_IN_INFERENCE = "num_batches_tracked"
_STATISTICS = ("running_mean", "running_var")


def load_weights_file(module: nn.Module, path: Path) -> None:
    """Put the weights of a file into a module.

    Args:
        module: takes the weights, in place; it stays as it was if the file is refused. Its own may have no values yet.
        path: ``.safetensors``, or ``.pt`` or ``.pth`` holding a state dict, alone or under the key ``state_dict``.
            The latter are read with ``weights_only=True``: nothing in them is run.

    Raises:
        NetworkError: the file is missing or damaged, its names or shapes are not the module's (all are listed), or it
            holds NaN or infinite weights.
    """
    state = _read(path)
    expected = module.state_dict()
    missing = [name for name in expected if name not in state and not name.endswith(_UNUSED_IN_INFERENCE)]
    faults = [f"missing {name}" for name in missing]
    faults += [f"unexpected {name}" for name in state if name not in expected]
    faults += [
        f"{name} is {tuple(state[name].shape)} instead of {tuple(value.shape)}"
        for name, value in expected.items()
        if name in state and not is_lazy(value) and state[name].shape != value.shape
    ]
    if faults:
        raise NetworkError(f"{path} holds this network's weights", ", ".join(faults), "give the file of this network")
    trained = _trained_names(module)
    _refuse_non_numbers({key: value for key, value in state.items() if key in trained}, str(path))
    is_meta = any(value.is_meta for value in expected.values())
    module.load_state_dict(state, strict=False, assign=is_meta)
    if is_meta:
        _count_from_zero(module)


def _count_from_zero(module: nn.Module) -> None:
    """Gives a value to counters of batches that have none: inference does not read them."""
    for part in module.modules():
        counter = getattr(part, _UNUSED_IN_INFERENCE, None)
        if isinstance(counter, torch.Tensor) and counter.is_meta:
            setattr(part, _UNUSED_IN_INFERENCE, torch.zeros((), dtype=counter.dtype))


def check_finite(module: nn.Module, name: str) -> None:
    """Refuse a network with NaN or infinite weights. A buffer that is no statistic, such as a mask, is no weight.

    Raises:
        NetworkError: naming every parameter and statistic that holds one.
    """
    state, trained = module.state_dict(keep_vars=True), _trained_names(module)
    _refuse_non_numbers({key: value for key, value in state.items() if key in trained}, name)


def _trained_names(module: nn.Module) -> set[str]:
    """The names of parameters, and of the statistics of normalizations."""
    buffers = dict(module.named_buffers(remove_duplicate=False))
    statistics = {name for name in buffers if name.rpartition(".")[2] in _STATISTICS}
    return {name for name, _ in module.named_parameters(remove_duplicate=False)} | statistics


def _refuse_non_numbers(state: Mapping[str, torch.Tensor], name: str) -> None:
    faults = [key for key, value in state.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if faults:
        raise NetworkError(
            f"the weights of {name} are finite numbers", f"NaN or infinity in {', '.join(faults)}", "train it again"
        )


def _read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file by name."""
    if path.suffix not in (".safetensors", ".pt", ".pth"):
        raise NetworkError("a weights file is .safetensors, .pt or .pth", str(path), "save a state dict as one of them")
    if not path.is_file():
        raise NetworkError("the weights file exists", str(path), "check the path")
    try:
        state: Any = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # damage shows as SafetensorError, RuntimeError, UnpicklingError, EOFError and others
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise NetworkError(f"{path} is a readable weights file", reason, "save it again, as a state dict") from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise NetworkError("a weights file holds a state dict of tensors", str(path), "save module.state_dict()")
    return dict(state)
