"""The options of a search from a file: TOML, or the run.json of a search that is to be done again."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from costmodels.file_content import MOST_OPTION_BYTES, file_content
from costmodels.plain_data import json_data, toml_data
from explorer.config.search import EARLIER
from explorer.config.search_options import SEARCH_OPTIONS
from explorer.config.trust import check_trusted
from explorer.system.errors import ConfigError

__all__ = ["read_config"]

_SEVERAL = ("layers", "objective")
"""Options that come one by one."""

_NOT_OF_A_NEW_SEARCH = ("out", "resume", "storage", "mlflow", "objects", "activation_widths")
"""What run.json says of the search that it is of, and not of another one like it."""


def read_config(path: Path, typed: Collection[str] = (), trust: bool = False) -> dict[str, Any]:
    """The options that a file gives, by their names in `SEARCH_OPTIONS`.

    In TOML they have the names of the command's options, with ``-`` or ``_``; ``layers`` and ``space`` may be tables.
    Of a run.json the folder, the storage, MLflow's address and whether it was resumed are left out.

    Args:
        path: of the file; paths in it are seen from the current folder.
        typed: options that the user has given too, which win.
        trust: whether a run.json may name code that no search of this user ran under that name. A TOML file may: people
            write it for the code that they name.

    Raises:
        ConfigError: it cannot be read, holds what is no option, or is a run.json from elsewhere and names code.
    """
    given = _plain(path)
    if "configuration" in given:
        options = _of_run(path, given["configuration"])
        if not trust:
            named = {name: value for name, value in options.items() if name not in typed}
            check_trusted(named, given.get("seals"), str(path))
        return options
    options = {str(name).replace("-", "_"): value for name, value in given.items()}
    if "layer" in options:
        options["layers"] = options.pop("layer")
    known = set(SEARCH_OPTIONS)
    unknown = [name for name in options if name not in known]
    if unknown:
        use = f"use {', '.join(sorted(name.replace('_', '-') for name in known))}"
        raise ConfigError("a file of options holds options of search", f"{path} has {', '.join(unknown)}", use)
    return _as_typed(options)


def _plain(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError("--config is a TOML file, or a run.json", str(path), "check the path")
    try:
        content = file_content(path, MOST_OPTION_BYTES)
        plain = json_data(content) if path.suffix == ".json" else toml_data(content)
    except (OSError, ValueError) as error:
        reason = f"{path} ({' '.join(str(getattr(error, 'strerror', None) or error).split())})"
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
    """The options with several values as the command takes them: by commas, but for those that come one by one."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) and name not in _SEVERAL else value
        for name, value in options.items()
    }
