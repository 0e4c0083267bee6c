"""A module as it comes, made ready to be traced: plain 32-bit weights, or a refusal that says the cure."""

import copy
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from explorer.system.errors import NetworkError

__all__ = ["copied_module", "prepare", "with_float32"]

_QUANTIZATION = ("torch.ao.quantization", "torch.ao.nn", "torch.nn.qat", "torch.nn.quantized", "torchao.quantization")


def prepare(module: nn.Module, name: str) -> tuple[str, ...]:
    """Changes a module, in place, into one of plain 32-bit weights that computes the same in evaluation.

    Masks of `torch.nn.utils.prune`, parametrizations, and the older weight and spectral normalization are evaluated
    once, and their results are the weights from then on; numbers of other widths become 32-bit floats.

    Args:
        module: is set to evaluation.
        name: of the network.

    Returns:
        What was changed, in words.

    Raises:
        NetworkError: weights have no values yet, or the network is prepared for quantization.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise NetworkError(
            "a network is a module in Python", f"{name} is scripted", "give the module that it was made from"
        )
    _refuse_without_values(module, name)
    _refuse_quantization(module, name)
    module.eval()
    evaluated = [
        f"{path}.{tensor}" if path else tensor
        for path, part in list(module.named_modules())
        for tensor in _evaluated(part)
    ]
    notes = [f"evaluated once: {', '.join(evaluated)}"] if evaluated else []
    tensors = [*module.parameters(), *module.buffers()]
    others = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors if _is_other_float(tensor)})
    if others:
        module.float()
        notes.append(f"converted from {' and '.join(others)} to float32")
    return tuple(notes)


def copied_module(module: nn.Module) -> nn.Module:
    """A copy on the CPU that shares nothing with the module.

    Results that hooks keep as attributes, as masks do, are no leaves, which deepcopy refuses. A parametrized module has
    a class of its own, which deepcopy shares and from which making it plain takes a property away.
    """
    kept = [value for part in module.modules() for value in vars(part).values() if isinstance(value, Tensor)]
    copied = copy.deepcopy(module, {id(value): value.detach().clone() for value in kept if not value.is_leaf})
    for part in copied.modules():
        if parametrize.is_parametrized(part):
            kind = type(part)
            own = {name: value for name, value in vars(kind).items() if name not in ("__dict__", "__weakref__")}
            part.__class__ = type(kind.__name__, kind.__bases__, own)
    tensors = [*copied.parameters(), *copied.buffers()]
    return copied if any(tensor.is_meta for tensor in tensors) else copied.to("cpu")


def with_float32(value: Tensor) -> Tensor:
    """An input, its numbers as 32-bit floats; integers stay."""
    return value.float() if _is_other_float(value) else value


def _is_other_float(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.dtype != torch.float32


def _refuse_without_values(module: nn.Module, name: str) -> None:
    tensors = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    lazy = [key for key, tensor in tensors if nn.parameter.is_lazy(tensor)]
    if lazy:
        remedy = "run the module once on the example input before you return it, or give a file of weights"
        raise NetworkError("every layer has its size", f"{_some(lazy)} of {name} are lazy still", remedy)
    meta = [key for key, tensor in tensors if tensor.is_meta]
    if meta:
        remedy = "load weights first: load_state_dict(weights, assign=True), or give a file of weights"
        raise NetworkError("weights have values", f"{_some(meta)} of {name} are on the device meta", remedy)


def _refuse_quantization(module: nn.Module, name: str) -> None:
    found = [path or "the module" for path, part in module.named_modules() if _is_quantization(part)]
    if found:
        remedy = "give the network as it was before prepare_qat, prepare or convert: filterfront rounds by itself"
        rule = "a network is searched as it computes with floats"
        raise NetworkError(rule, f"{name} is prepared for torch's own quantization in {_some(found)}", remedy)


def _is_quantization(part: nn.Module) -> bool:
    return any(kind.__module__.startswith(_QUANTIZATION) for kind in type(part).__mro__)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _evaluated(part: nn.Module) -> Iterator[str]:
    """Makes the computed tensors of one module plain; their names."""
    if parametrize.is_parametrized(part):
        for tensor in list(part.parametrizations):  # type: ignore[arg-type]
            parametrize.remove_parametrizations(part, tensor, leave_parametrized=True)
            yield tensor
    for tensor, remove in _hooked(part._forward_pre_hooks.values()):
        remove(part, tensor)
        yield tensor


def _hooked(hooks: Iterable[object]) -> list[tuple[str, Callable[[nn.Module, str], object]]]:
    """The tensors that hooks compute before every call, and what makes each plain."""
    from torch.nn.utils import remove_spectral_norm, remove_weight_norm
    from torch.nn.utils.prune import BasePruningMethod
    from torch.nn.utils.prune import remove as remove_mask
    from torch.nn.utils.spectral_norm import SpectralNorm
    from torch.nn.utils.weight_norm import WeightNorm

    removers: dict[type, Callable[[nn.Module, str], object]] = {
        BasePruningMethod: remove_mask,
        WeightNorm: remove_weight_norm,
        SpectralNorm: remove_spectral_norm,
    }
    found = []
    for hook in list(hooks):
        for kind, remove in removers.items():
            if isinstance(hook, kind):
                tensor = getattr(hook, "_tensor_name", None) or getattr(hook, "name", "weight")
                found.append((str(tensor), remove))
    return found
