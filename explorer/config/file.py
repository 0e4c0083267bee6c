"""The options of a search from a file: TOML, or the run.json of a search that is to be done again."""

import json
import tomllib
from pathlib import Path
from typing import Any

from explorer.config.search import EARLIER, SearchConfig
from explorer.system.errors import ConfigError

__all__ = ["LARGEST_BYTES", "read_config"]

LARGEST_BYTES = 4 * 1024 * 1024
"""Of a file with options; a run.json is some kilobytes."""

_NOT_OF_A_NEW_SEARCH = ("out", "resume", "storage", "objects", "activation_widths")
"""What run.json says of the search that it is of, and not of another one like it."""


def read_config(path: Path) -> dict[str, Any]:
    """The options that a file gives, by their names in `SearchConfig`.

    In TOML they have the names of the command's options, with ``-`` or ``_``; ``layers`` and ``space`` may be tables.
    Of a run.json the folder, the storage and whether it was resumed are left out.

    Args:
        path: of the file; paths in it are seen from the current folder.

    Raises:
        ConfigError: it cannot be read, or holds what is no option.
    """
    given = _plain(path)
    if "configuration" in given:
        return _of_run(path, given["configuration"])
    options = {str(name).replace("-", "_"): value for name, value in given.items()}
    if "layer" in options:
        options["layers"] = options.pop("layer")
    known = set(SearchConfig.model_fields) - {"objects", "activation_widths"}
    unknown = [name for name in options if name not in known]
    if unknown:
        use = f"use {', '.join(sorted(name.replace('_', '-') for name in known))}"
        raise ConfigError("a file of options holds options of search", f"{path} has {', '.join(unknown)}", use)
    return _as_typed(options)


def _plain(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError("--config is a TOML file, or a run.json", str(path), "check the path")
    with path.open("rb") as file:
        content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        rule = f"a file of options has at most {LARGEST_BYTES:,} bytes"
        raise ConfigError(rule, f"more in {path}", "give a TOML file, or a run.json")
    try:
        text = content.decode()
        plain = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = f"{path} ({' '.join(str(error).split())})"
        raise ConfigError("--config is a TOML file, or a run.json", reason, "mend it") from error
    if not isinstance(plain, dict):
        raise ConfigError("--config is a TOML file, or a run.json", f"{path} with a {type(plain).__name__}", "mend it")
    return plain


def _of_run(path: Path, given: Any) -> dict[str, Any]:
    """The options of the search that a run.json is of."""
    if not isinstance(given, dict):
        raise ConfigError("a run.json has the configuration of its search", str(path), "give another file")
    if given.get("objects"):
        value = f"{path}: {', '.join(map(str, given['objects']))} given as objects"
        raise ConfigError("a search of objects in Python is done again in Python", value, "call filterfront.search")
    given = {**EARLIER, **given}
    options = {name: value for name, value in given.items() if name not in _NOT_OF_A_NEW_SEARCH and value is not None}
    widths = given.get("activation_widths")
    if widths:
        options["activation_bits"] = widths
    return _as_typed(options)


def _as_typed(options: dict[str, Any]) -> dict[str, Any]:
    """The options with several values as the command takes them: by commas, but for layers, which come one by one."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) and name != "layers" else value
        for name, value in options.items()
    }
