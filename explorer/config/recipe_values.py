"""What a user says of a training: a TOML file, or its content, by the names of `TuningRecipe`."""

import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from explorer.config.toml_option import toml_option
from explorer.system.errors import ConfigError
from explorer.training.tuning_recipe import TuningRecipe

__all__ = ["recipe_values", "tuning_recipe"]

_DECIDED_ELSEWHERE = {"epochs", "round_activations"}
_REMEDY = "see docs/how-to/fine-tuning.md"


def recipe_values(given: str | os.PathLike[str] | Mapping[str, Any]) -> dict[str, Any]:
    """The values of a recipe, each of which `TuningRecipe` takes.

    Args:
        given: the path of a TOML file, or what such a file says.

    Raises:
        ConfigError: it cannot be read, or a name or a kind of value is none of a recipe's.
        TrainingError: a value is out of range.
    """
    values = dict(given) if isinstance(given, Mapping) else toml_option("--recipe", given, _REMEDY)
    known = {field.name: field for field in fields(TuningRecipe) if field.name not in _DECIDED_ELSEWHERE}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"a recipe has {', '.join(known)}", str(name), _REMEDY)
        kinds = _kinds(known[name])
        if isinstance(value, bool) != (kinds == (bool,)) or not isinstance(value, kinds):
            raise ConfigError(f"{name} of a recipe is {_WORDS[kinds]}", repr(value), _REMEDY)
    TuningRecipe(**values)
    return values


def tuning_recipe(values: Mapping[str, Any] | None, epochs: int) -> TuningRecipe:
    """The recipe with these values, and those of `TuningRecipe` where there are none.

    Args:
        values: from `recipe_values`; None for none.
        epochs: at most.
    """
    return TuningRecipe(**{**(values or {}), "epochs": epochs})


_WORDS: Mapping[tuple[type, ...], str] = {
    (bool,): "true or false",
    (int,): "a whole number",
    (int, float): "a number",
}


def _kinds(field: "Field[Any]") -> tuple[type, ...]:
    usual = field.default
    if usual is MISSING or usual is None:
        return (int,)
    return (int, float) if isinstance(usual, float) else (type(usual),)
