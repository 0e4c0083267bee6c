"""A user's own function by its place: ``file.py:callable`` or ``package.module:callable``."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from explorer.system.errors import CallableError
from explorer.system.user_code import user_code

__all__ = ["check_place", "load_callable"]


def load_callable(text: str) -> Callable[..., Any]:
    """The callable that ``text`` names.

    A file's own folder, or for a module the working folder, is put on the import path, so that neighbours can be
    imported as they are by ``python file.py`` and ``python -m package.module``. Importing runs the code.

    Args:
        text: ``file.py:callable`` or ``package.module:callable``.

    Raises:
        CallableError: the text has another form; the file or module does not exist or raises while it is imported;
            it has no such name; or what it names cannot be called.

    >>> load_callable("math:hypot")(3, 4)
    5.0
    """
    check_place(text)
    place, _, name = text.rpartition(":")
    module = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    if not hasattr(module, name):
        offered = ", ".join(sorted(key for key, value in vars(module).items() if key[0] != "_" and callable(value)))
        raise CallableError(f"{place} defines the name that is asked for", name, f"choose one of: {offered or 'none'}")
    found: Callable[..., Any] = getattr(module, name)
    if not callable(found):
        raise CallableError(f"{text} is callable", type(found).__name__, "name a function")
    return found


def check_place(text: str) -> None:
    """Refuses, without importing anything, what names no callable, or one in a file that is not there.

    Raises:
        CallableError: it does.
    """
    place, colon, name = text.rpartition(":")
    if not (place and colon and name):
        raise CallableError(
            "a callable is written file.py:name or package.module:name", text, "join file and name by a colon"
        )
    if place.endswith(".py") and not Path(place).is_file():
        raise CallableError("the file exists", place, "check the path")


def _import_module(name: str) -> ModuleType:
    _add_to_path(Path.cwd())
    with user_code(lambda reason: _import_raised(name, reason)):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                raise
    raise CallableError("the module exists", name, "install it, run from its folder, or give the path of its file")


def _import_file(path: Path) -> ModuleType:
    path = path.resolve()
    _add_to_path(path.parent)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CallableError("the file is Python source", str(path), "name a .py file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look a class's module up by its name; a module that is there already keeps the name.
    added = sys.modules.setdefault(path.stem, module) is module
    try:
        with user_code(lambda reason: _import_raised(str(path), reason)):
            spec.loader.exec_module(module)
    except CallableError:
        if added:
            del sys.modules[path.stem]
        raise
    return module


def _import_raised(place: str, reason: str) -> CallableError:
    return CallableError(f"{place} can be imported", reason, "run it with python to see the whole traceback")


def _add_to_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
