"""A model of options from options as they were given, all of their faults said at once."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from explorer.system.errors import ConfigError

__all__ = ["checked"]

Model = TypeVar("Model", bound=BaseModel)


def checked(model: type[Model], options: dict[str, Any]) -> Model:
    """The model of these options.

    Raises:
        ConfigError: options have faults; the message lists all of them.
    """
    try:
        return model(**options)
    except ValidationError as error:
        faults = [_fault(part) for part in error.errors()]
        raise ConfigError("options have values that can be used", " | ".join(faults), "mend each of these") from error


def _fault(part: Any) -> str:
    """One fault of pydantic's list as ``--option: what is wrong``."""
    option = "--" + "-".join(str(piece) for piece in part["loc"]).replace("_", "-") if part["loc"] else "options"
    text = part["msg"].removeprefix("Value error, ")
    says_what = part["type"] == "value_error"  # raised here, with the value in it
    return f"{option}: {text}" if says_what or not part["loc"] else f"{option}: got {part['input']!r}; {text}"
