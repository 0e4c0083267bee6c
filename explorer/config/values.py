"""Values of options as they are written: sizes with units, names by commas, schemes, widths; each read or refused."""

import re
from collections.abc import Mapping, Sequence, Set
from typing import Annotated, Any

from pydantic import BeforeValidator

from costmodels import FilterfrontError
from costmodels.bias_values import check_bias_bits
from costmodels.cost import check_activation_bits
from costmodels.printable import printable
from costmodels.text import parse_scheme
from costmodels.units import parse_bytes, parse_count, parse_milliseconds
from explorer.config.recipe_values import recipe_values
from explorer.system.errors import ConfigError
from explorer.system.own_names import check_own_name, own_name
from searches.passwords import keep_secret
from searches.samplers import check_sampler

__all__ = [
    "ActivationBits",
    "Address",
    "BiasBits",
    "Count",
    "Layers",
    "Milliseconds",
    "Names",
    "OwnObjectives",
    "Recipe",
    "Reserve",
    "Sampler",
    "Size",
    "several_widths",
]


MOST_NAMES = 2_000
"""Of schemes, objectives or layers that an option lists."""


def _said(function: Any) -> BeforeValidator:
    """A validator from a function that raises FilterfrontError; ``None`` stays ``None``."""

    def validate(value: Any) -> Any:
        try:
            return None if value is None else function(value)
        except FilterfrontError as error:
            raise ValueError(str(error)) from error

    return BeforeValidator(validate)


def _activation_bits(value: Any) -> Any:
    bits = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    check_activation_bits(bits)
    return bits


def _bias_bits(value: Any) -> Any:
    bits = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    check_bias_bits(bits)
    return bits


def _names(value: Any) -> tuple[str, ...] | None:
    """Names separated by commas, also schemes in text, which have commas inside their brackets; none at all is as if
    the option were not given."""
    items = _parted(value) if isinstance(value, str) else value
    if not isinstance(items, (Sequence, Set)) or not all(isinstance(item, str) for item in items):
        remedy = "give for example 'first,last' or ['first', 'last']"
        raise ConfigError("names are text with commas or a list of texts", type(value).__name__, remedy)
    if len(items) > MOST_NAMES:
        raise ConfigError(f"an option lists {MOST_NAMES:,} names at most", f"{len(items):,} of them", "list fewer")
    return tuple(name.strip() for name in items if name.strip()) or None


def _parted(text: str) -> list[str]:
    """A text at the commas that stand in no brackets."""
    parts, depth = [""], 0
    for piece in re.split(r"([,()])", text):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _layers(value: Any) -> dict[str, str] | None:
    """The scheme of each layer that has one of its own: a mapping, or texts ``NAME=SCHEME``."""
    items = value.items() if isinstance(value, Mapping) else (str(item).partition("=")[::2] for item in value)
    layers = {str(name).strip(): str(scheme).strip() for name, scheme in items}
    if unreadable := next((name for name in layers if not name.isprintable()), None):
        raise ConfigError("a layer's name can be read", printable(unreadable), "write it as `filterfront cost` does")
    for scheme in layers.values():
        parse_scheme(scheme)
    return layers or None


def _own_objectives(value: Any) -> tuple[str, ...]:
    """The user's own objectives as they are written, each called as its function is."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise ConfigError("objectives of your own are texts", type(value).__name__, "give file.py:name")
    names = [own_name(text) for text in texts]
    for name in names:
        check_own_name(name)
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError("an objective of your own is given once", twice[0], "remove one, or call it otherwise")
    return tuple(texts)


def _sampler(value: Any) -> Any:
    if isinstance(value, str):  # pydantic says of anything else that it is no text
        check_sampler(value)
    return value


def _address(value: Any) -> Any:
    keep_secret(str(value))
    if not str(value).isprintable():
        raise ConfigError(
            "an address can be read", f"{len(value)} letters with control characters", "type it once more"
        )
    return value


def _reserve(value: Any) -> int:
    return 0 if re.fullmatch(r"\s*0+\s*(B|KiB|MiB|GiB)?\s*", str(value), re.IGNORECASE) else parse_bytes(value)


def several_widths(given: str) -> list[int]:
    """Widths of activations, by commas, the greatest first.

    Raises:
        ValueError: one is none, or there is none.
    """
    try:
        widths = sorted({_activation_bits(item.strip()) for item in given.split(",") if item.strip()}, reverse=True)
    except FilterfrontError as error:
        raise ValueError(f"--activation-bits: {error}") from error
    if not widths:
        raise ValueError(f"--activation-bits: got {given!r}; a width, or several by commas")
    return widths


Size = Annotated[int | None, _said(parse_bytes)]
Reserve = Annotated[int | None, _said(_reserve)]
Count = Annotated[int | None, _said(parse_count)]
Milliseconds = Annotated[float | None, _said(parse_milliseconds)]
ActivationBits = Annotated[int, _said(_activation_bits)]
BiasBits = Annotated[int, _said(_bias_bits)]
Names = Annotated[tuple[str, ...] | None, _said(_names)]
Layers = Annotated[dict[str, str] | None, _said(_layers)]
Recipe = Annotated[dict[str, Any] | None, _said(recipe_values)]
OwnObjectives = Annotated[tuple[str, ...], _said(_own_objectives)]
Sampler = Annotated[str | None, _said(_sampler)]
Address = Annotated[str | None, _said(_address)]
