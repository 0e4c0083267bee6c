"""A network from what the user names: of the zoo, an ONNX file, ``package.module:callable`` or ``file.py:callable``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from explorer.networks.computed_weights import evaluate_computed_weights
from explorer.networks.first_run import check_answers, random_inputs
from explorer.networks.prepare import prepare, with_float32
from explorer.networks.trace import Example
from explorer.networks.transposed import spread_transposed
from explorer.networks.weights import check_finite, load_weights_file
from explorer.networks.zoo import SEED, build, zoo_entry
from explorer.system.callables import load_callable
from explorer.system.errors import NetworkError
from explorer.system.user_code import user_code

__all__ = ["LoadedNetwork", "load_network", "ready_network"]


@dataclass(frozen=True)
class LoadedNetwork:
    """A network, ready to be traced.

    Args:
        name: its name in tables.
        module: in eval mode.
        example_input: (N, ...), or several as a tuple.
        origin: ``zoo`` or ``user``.
        weights_origin: where the weights come from, in words.
    """

    name: str
    module: nn.Module
    example_input: Example
    origin: str
    weights_origin: str


def load_network(text: str, weights_file: Path | None = None, classes: int | None = None) -> LoadedNetwork:
    """The network that ``text`` names, with weights of a file where one is given.

    Args:
        text: a zoo name, the path of an .onnx file, ``package.module:callable`` or ``file.py:callable``; the callable
            takes no arguments and returns (module, example input). It is the user's own code and is run.
        weights_file: see `load_weights_file`.
        classes: outputs of a network of the zoo; None for its own number. A callable's network stays as it is.

    Raises:
        CallableError: the callable cannot be loaded.
        NetworkError: there is no such network or file, its code raises or returns something else, or its weights are
            refused.
    """
    if text.lower().endswith(".onnx"):
        from explorer.networks.onnx_network import load_onnx

        name, origin, weights_origin = Path(text).name, "user", f"weights of {Path(text).name}"
        module, example = load_onnx(Path(text))
    elif ":" in text:
        name, origin, weights_origin = Path(text).name, "user", f"weights as {Path(text).name} returns them"
        module, example = _call(text)
    else:
        entry = zoo_entry(text)
        name, origin, weights_origin = entry.name, "zoo", f"random weights (seed {SEED})"
        module, example = build(entry.name, classes)
    if weights_file is not None:
        weights_origin = f"weights of {weights_file.name}"
    return ready_network(LoadedNetwork(name, module, example, origin, weights_origin), weights_file)


def ready_network(network: LoadedNetwork, weights_file: Path | None = None) -> LoadedNetwork:
    """A network as it comes, ready to be traced: in eval mode, with the weights of a file where one is given, and all
    of them plain 32-bit floats (see `explorer.networks.prepare.prepare`).

    Args:
        network: its module is changed in place.
        weights_file: see `load_weights_file`. It may be of the module as it is, or with computed weights made plain.

    Raises:
        NetworkError: its weights are refused.
    """
    module = network.module
    notes = [] if weights_file is None else _load(module, weights_file, network.name)
    notes += prepare(module, network.name)
    check_finite(module, network.name)
    example = network.example_input
    inputs = tuple(map(with_float32, example)) if isinstance(example, tuple) else with_float32(example)
    if any(tensor.is_meta for tensor in (inputs if isinstance(inputs, tuple) else (inputs,))):
        found = f"that of {network.name} is on the device meta"
        raise NetworkError("an example input has values", found, "return for example torch.zeros(1, 3, 32, 32)")
    if network.origin != "zoo":
        check_answers(module.eval(), inputs, network.name)
        notes += _made_plain(module, inputs if isinstance(inputs, tuple) else (inputs,))
    origin = ", ".join([network.weights_origin, *notes])
    return replace(network, module=module.eval(), example_input=inputs, weights_origin=origin)


def _made_plain(module: nn.Module, example: tuple[torch.Tensor, ...]) -> list[str]:
    """Puts plain convolutions in the place of transposed ones, and of those that compute their weights."""
    computed = evaluate_computed_weights(module, (example, random_inputs(example)))
    spread_transposed(module)
    return [f"weights evaluated once: {', '.join(computed)}"] if computed else []


def _load(module: nn.Module, weights_file: Path, name: str) -> list[str]:
    """Puts the weights of a file into a module, which is prepared before where the file is of the prepared module."""
    try:
        load_weights_file(module, weights_file)
    except NetworkError as error:
        try:
            notes = list(prepare(module, name))
            if not notes:
                raise error
            load_weights_file(module, weights_file)
        except NetworkError:
            raise error from None
        return notes
    return []


def _call(text: str) -> tuple[nn.Module, Example]:
    """What the user's callable returns, checked."""
    builder = load_callable(text)
    remedy = "mend it; --debug shows where it stopped"
    with user_code(lambda reason: NetworkError(f"the code of {text} runs", reason, remedy)):
        made = builder()
    return _checked(made, text)


def _checked(made: Any, text: str) -> tuple[nn.Module, Example]:
    """(module, example input) if that is what the callable made."""
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], nn.Module):
        module, example = made
        inputs = example if isinstance(example, tuple) else (example,)
        if inputs and all(isinstance(value, torch.Tensor) and value.ndim > 0 for value in inputs):
            return module, example
    kinds = ", ".join(type(part).__name__ for part in made) if isinstance(made, tuple) else type(made).__name__
    raise NetworkError(
        f"{text} returns (module, example input tensor)", kinds, "return for example net, torch.zeros(1, 3, 32, 32)"
    )
