"""The content of a TOML file that an option names."""

import os
from typing import Any

from costmodels.file_content import MOST_OPTION_BYTES, file_content
from costmodels.plain_data import toml_data
from explorer.system.errors import ConfigError

__all__ = ["toml_option"]


def toml_option(option: str, path: str | os.PathLike[str], remedy: str) -> dict[str, Any]:
    """What the file says.

    Args:
        option: as it is typed, for the message.
        path: that it names.
        remedy: what to do about a file that cannot be read.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    try:
        return toml_data(file_content(os.fspath(path), MOST_OPTION_BYTES))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{option} is a TOML file", f"{os.fspath(path)} ({reason})", remedy) from error
