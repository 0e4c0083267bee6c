"""A network from what the user names: of the zoo, ``package.module:callable`` or ``file.py:callable``."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from explorer.errors import NetworkError
from explorer.networks.trace import Example
from explorer.networks.weights import check_finite, load_weights_file
from explorer.networks.zoo import SEED, build, zoo_entry

__all__ = ["LoadedNetwork", "load_network"]


@dataclass(frozen=True)
class LoadedNetwork:
    """A network, ready to be traced.

    Args:
        name: its name in tables. module: in eval mode. example_input: (N, ...), or several as a tuple.
        origin: ``zoo`` or ``user``. weights_origin: where the weights come from, in words.
    """

    name: str
    module: nn.Module
    example_input: Example
    origin: str
    weights_origin: str


def load_network(text: str, weights_file: Path | None = None) -> LoadedNetwork:
    """The network that ``text`` names, with weights of a file where one is given.

    A file's own folder, or the working directory for a package, is importable while the callable runs.

    Args:
        text: a zoo name, ``package.module:callable`` or ``file.py:callable``; the callable takes no arguments and
            returns (module, example input). It is the user's own code and is run.
        weights_file: see `load_weights_file`.

    Raises:
        NetworkError: there is no such network, its code raises or returns something else, or its weights are refused.
    """
    if ":" in text:
        name, origin, weights_origin = Path(text).name, "user", f"weights as {Path(text).name} returns them"
        module, example = _call(text)
    else:
        entry = zoo_entry(text)
        name, origin, weights_origin = entry.name, "zoo", f"random weights (seed {SEED})"
        module, example = build(entry.name)
    if weights_file is not None:
        load_weights_file(module, weights_file)
        weights_origin = f"weights of {weights_file.name}"
    check_finite(module, name)
    return LoadedNetwork(name, module.eval(), example, origin, weights_origin)


def _call(text: str) -> tuple[nn.Module, Example]:
    """What the user's callable returns, checked."""
    source, _, attribute = text.rpartition(":")
    is_file = source.endswith(".py")
    if is_file and not Path(source).is_file():
        raise NetworkError("the network's file exists", source, "check the path before the colon")
    with _importable(Path(source).resolve().parent if is_file else Path.cwd()):
        found = _attempt(lambda: _import_file(Path(source)) if is_file else importlib.import_module(source), source)
        builder = getattr(found, attribute, None)
        if not callable(builder):
            names = [key for key, value in vars(found).items() if callable(value) and not key.startswith("_")]
            raise NetworkError(
                f"{source} has a callable of that name", attribute, f"it has {', '.join(names) or 'none'}"
            )
        made = _attempt(builder, text)
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


def _attempt(action: Callable[[], Any], text: str) -> Any:
    """What the user's code returns; whatever it raises becomes one line with the reason."""
    try:
        return action()
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise NetworkError(f"the code of {text} runs", reason, "mend it; --debug shows where it stopped") from error


def _import_file(path: Path) -> ModuleType:
    """A Python file as a module of its own name, so that classes in it can be found again."""
    name = f"filterfront_user_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Imports look into the folder first."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
