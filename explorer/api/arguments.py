"""What users give in Python: modules, tensors, arrays and devices as they are, none of them changed."""

import os
from collections.abc import Callable, Mapping, Sequence, Set
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodels import Device, NetworkSpec
from costmodels.bias_values import check_bias_bits
from costmodels.conventions import FLOAT_BITS
from costmodels.text import AnyScheme, as_pattern
from explorer.system.errors import ArgumentError, NetworkError

if TYPE_CHECKING:
    import torch

    from explorer.data import Dataset
    from explorer.networks.load import LoadedNetwork
    from explorer.networks.trace import Example, TracedNetwork

__all__ = [
    "as_device",
    "as_given_data",
    "as_given_network",
    "as_metric",
    "as_names",
    "as_own_objectives",
    "as_path",
    "as_scheme_text",
    "as_spec",
    "as_traced",
    "describe",
    "no_example",
]

_NETWORK_HELP = "give a name of the zoo, 'file.py:callable', or a torch.nn.Module with example_input="
_EXAMPLE_HELP = "give a tensor such as torch.zeros(1, 3, 32, 32), or a tuple of them for several inputs"
_DATA_HELP = (
    "give a name such as 'digits', 'file.py:callable', or {'train': (x, y), 'validation': (x, y)}, or images alone"
)


def describe(value: object) -> str:
    """A value in a few characters, for messages and records: short plain values themselves, else the type."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return repr(value)
    if isinstance(value, os.PathLike):
        return repr(os.fspath(value))
    if isinstance(value, Device):
        return f"<Device {value.name}>"
    return f"<{type(value).__name__}>"


def as_given_network(
    module: Any, example: Any, data: "Dataset | None" = None, weights: Path | None = None
) -> "LoadedNetwork":
    """A module as a network to compress: a copy on the CPU, its weights plain 32-bit floats; the module stays as it is.

    Args:
        module: a ``torch.nn.Module``; wrappers of ``torch.compile`` and of parallel training are taken off.
        example: an input (N, ...), or several as a tuple; arrays are taken too.
        data: the first training image of which is the example where none is given.
        weights: a file of weights for the copy.

    Raises:
        ArgumentError: it is no module, or the example is missing or of another kind.
        NetworkError: the module cannot be copied, or its weights are refused.
    """
    from torch import nn

    from explorer.networks.load import LoadedNetwork, ready_network
    from explorer.networks.prepare import copied_module
    from explorer.system.inputs import parts_of

    if not isinstance(module, nn.Module):
        raise ArgumentError("a network is a name or a torch.nn.Module", type(module).__name__, _NETWORK_HELP)
    if example is None and data is not None:
        names = tuple(signature(module.forward).parameters)
        own = len(parts_of(data.train.inputs))
        first = parts_of(data.in_order(names[:own]).train.inputs[:1])
        example = first if own > 1 else first[0]
    inputs, module = as_example(example), _unwrapped(module)
    name = type(module).__name__
    try:
        copied = copied_module(module)
    except Exception as error:  # what cannot be copied says so in many ways
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise NetworkError(f"the module {name} can be copied", reason, "give one that copy.deepcopy takes") from error
    origin = f"weights of {weights.name}" if weights else f"weights of the module {name} as it was given"
    return ready_network(LoadedNetwork(name, copied, inputs, "user", origin), weights)


def as_example(example: Any) -> "Example":
    """An example input on the CPU, of its own.

    Raises:
        ArgumentError: it is missing or of another kind.
    """
    if isinstance(example, (tuple, list)):
        return tuple(_example_tensor(part) for part in example)
    return _example_tensor(example)


def _example_tensor(value: Any) -> "torch.Tensor":
    import numpy as np
    import torch

    if value is None:
        raise ArgumentError("a module comes with an example input", "none", f"example_input=: {_EXAMPLE_HELP}")
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        value = torch.tensor(value)
    if not isinstance(value, torch.Tensor) or value.ndim == 0:
        raise ArgumentError("an example input is a tensor with a batch dimension", describe(value), _EXAMPLE_HELP)
    return value.detach().to("cpu").clone()


def _unwrapped(module: Any) -> Any:
    """The user's own module inside the wrappers of ``torch.compile`` and of parallel training."""
    import torch

    wrappers = torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel
    while True:
        if isinstance(module, wrappers):
            module = module.module
        elif "_orig_mod" in module._modules:
            module = module._orig_mod
        else:
            return module


def as_given_data(parts: Any, any_targets: bool = False) -> "Dataset":
    """Data from objects: a mapping of parts, or the parts in order; they are copied.

    Args:
        parts: ``{'train': (x, y), 'validation': (x, y), 'test': (x, y)}`` or the pairs in this order as a tuple, of
            tensors or arrays; the test part may be left out. Inputs without labels may stand in the place of each pair,
            or of all of them. See `explorer.data.make_dataset` for shapes and types.
        any_targets: whether targets of any kind may stand in the place of labels.

    Raises:
        ArgumentError: it is neither.
        DataError: with every fault, one a line.
    """
    from explorer.data import PARTS, Dataset, make_dataset

    if isinstance(parts, Dataset):
        return parts
    if isinstance(parts, (tuple, list)) and 2 <= len(parts) <= len(PARTS):
        parts = dict(zip(PARTS, parts, strict=False))
    if not isinstance(parts, Mapping) and len(getattr(parts, "shape", ())) < 2:
        raise ArgumentError("data are a name, parts of (inputs, labels), or inputs", describe(parts), _DATA_HELP)
    return make_dataset(parts, "arrays", "given by the user as tensors or arrays", any_targets)


def as_metric(function: Any) -> Callable[[Any, Any], Any] | None:
    """A user's own quality of outputs; None for none.

    Raises:
        ArgumentError: it cannot be called.
    """
    if function is not None and not callable(function):
        remedy = "give a function of outputs and targets, or its place as 'file.py:callable'"
        raise ArgumentError("a metric is a function or the text that names one", describe(function), remedy)
    found: Callable[[Any, Any], Any] | None = function
    return found


def as_own_objectives(objective: Any) -> tuple[list[str], tuple[Callable[..., Any], ...]]:
    """Objectives of the user's own: their texts, and the functions where they are given as such.

    Args:
        objective: a function or the text that names one, or several; None for none.

    Raises:
        ArgumentError: it is something else, or functions and texts are mixed.
    """
    several = objective if isinstance(objective, (list, tuple)) else [] if objective is None else [objective]
    if all(isinstance(item, str) for item in several):
        return list(several), ()
    if not all(callable(item) for item in several):
        other = next(item for item in several if isinstance(item, str) or not callable(item))
        remedy = "give functions of a design, or their places as 'file.py:name'"
        raise ArgumentError("objectives of your own are functions, or all of them texts", describe(other), remedy)
    return [_called(item, place) for place, item in enumerate(several, start=1)], tuple(several)


def _called(function: Callable[..., Any], place: int) -> str:
    """What an objective is called: as its function is, and one without a name by its place."""
    name = getattr(function, "__name__", type(function).__name__)
    return name if name.isidentifier() else f"objective_{place}"


def as_device(device: Any) -> Device | str | None:
    """A device, or its name or path as text.

    Raises:
        ArgumentError: it is of another kind.
    """
    if device is None or isinstance(device, (Device, str)):
        return device
    if isinstance(device, os.PathLike):
        return str(os.fspath(device))
    remedy = "give a name of filterfront.devices(), the path of a .toml file, or a Device"
    raise ArgumentError("a device is a name, a path or a Device", describe(device), remedy)


def as_scheme_text(scheme: AnyScheme) -> str:
    """A scheme in text; text stays as it is, also the mere name of a form.

    Raises:
        SchemeTypeError: it is no scheme.
    """
    return scheme if isinstance(scheme, str) else str(as_pattern(scheme))


def as_traced(network: Any, example: Any = None) -> "TracedNetwork":
    """A network, traced: of the zoo, of the user's code by place, or a module.

    Args:
        network: text, a module, a pair (module, example input), or a traced network, which stays as it is.
        example: the example input of a module.

    Raises:
        ArgumentError: it is of another kind.
        FilterfrontError: the network cannot be found, built or traced.
    """
    from explorer.networks.load import load_network
    from explorer.networks.trace import TracedNetwork, trace

    if example is not None and isinstance(network, (str, TracedNetwork)):
        raise no_example(network)
    if isinstance(network, TracedNetwork):
        return network
    if isinstance(network, str):
        loaded = load_network(network)
    elif isinstance(network, (tuple, list)) and len(network) == 2 and example is None:
        loaded = as_given_network(*network)
    else:
        loaded = as_given_network(network, example)
    return trace(loaded.module, loaded.example_input, loaded.name)


def as_spec(network: Any, example: Any = None, bias_bits: int = 32) -> NetworkSpec:
    """The description of a network: as `as_traced`, or a description, which stays as it is.

    Args:
        network: as in `as_traced`, or a description.
        example: the example input of a module.
        bias_bits: of stored biases, where they are not those of the description.

    Raises:
        ArgumentError, FilterfrontError: as `as_traced`.
    """
    return as_noted_spec(network, example, bias_bits)[0]


def as_noted_spec(
    network: Any, example: Any = None, bias_bits: int = FLOAT_BITS
) -> tuple[NetworkSpec, tuple[str, ...]]:
    """The description of a network, and what one should know of how it was read; arguments and errors as of
    `as_spec`."""
    if example is not None and isinstance(network, NetworkSpec):
        raise no_example(network)
    check_bias_bits(bias_bits)
    if isinstance(network, NetworkSpec):
        return (network if bias_bits == FLOAT_BITS else network.with_bias_bits(bias_bits)), ()
    traced = as_traced(network, example)
    if bias_bits != FLOAT_BITS:
        from explorer.measurement.rounded_biases import with_bias_bits

        traced = with_bias_bits(traced, bias_bits)
    return traced.spec, traced.notes


def no_example(network: object) -> ArgumentError:
    """What is said of an example input that comes with something else than a module."""
    remedy = "leave it out, or give a torch.nn.Module as network"
    return ArgumentError("an example input belongs to a module", f"network={describe(network)}", remedy)


def as_names(names: Any, what: str) -> list[str]:
    """Names: text with commas, or a sequence of texts.

    Args:
        names: as they were given.
        what: they are, for the message.

    Raises:
        ArgumentError: they are neither.
    """
    items = names.split(",") if isinstance(names, str) else names
    if not isinstance(items, (Sequence, Set)) or not all(isinstance(item, str) for item in items):
        remedy = "give for example 'first,last' or ['first', 'last']"
        raise ArgumentError(f"{what} is text with commas or a list of texts", describe(names), remedy)
    return [item.strip() for item in items if item.strip()]


def as_path(path: Any, what: str) -> Path:
    """A path.

    Args:
        path: text or a path.
        what: it is of, for the message.

    Raises:
        ArgumentError: it is neither.
    """
    if isinstance(path, (str, os.PathLike)):
        return Path(path)
    raise ArgumentError(f"{what} is a path", describe(path), "give text or a pathlib.Path")
