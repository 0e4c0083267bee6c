"""Options of `explorer.config.option` on the command line: one ``click.option`` for each."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from explorer.config.option import Option

__all__ = ["offered"]

Command = TypeVar("Command", bound=Callable[..., Any])


class Finite(click.FloatRange):
    """A number within bounds, which "nan" is not although it is beyond none of them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or a message of wrong usage."""
        found = super().convert(value, param, ctx)
        return found if math.isfinite(found) else self.fail(f"{value} is no finite number", param, ctx)


def offered(options: Mapping[str, Option], checks_limits: bool = True) -> Callable[[Command], Command]:
    """Lets a command take options, each as the parameter of its name.

    Args:
        options: by name.
        checks_limits: whether the command line refuses values beyond their limits, where nothing after it does.
    """

    def decorate(command: Command) -> Command:
        for name, option in reversed(tuple(options.items())):
            command = _click_option(name, option, checks_limits)(command)
        return command

    return decorate


def _click_option(name: str, option: Option, checks_limits: bool) -> Callable[[Command], Command]:
    flags = (*(option.flags or (f"--{name.replace('_', '-')}",)), name)
    told: dict[str, Any] = {"help": option.help, "metavar": option.metavar}
    if option.several:
        return click.option(*flags, multiple=True, **told)
    told |= {"default": option.default, "show_default": option.default is not None}
    if option.kind != "switch":
        return click.option(*flags, type=_kind(option, checks_limits), **told)
    if "/" in flags[0]:  # a switch of two names, of which the default is one
        return click.option(*flags, **told)
    return click.option(*flags, is_flag=True, **told | {"show_default": False})


def _kind(option: Option, checks_limits: bool) -> Any:
    if option.choices:
        return click.Choice(option.choices)
    if option.kind == "path":
        return click.Path(path_type=Path)
    is_limited = checks_limits and (option.least is not None or option.most is not None)
    if option.kind == "number":
        return Finite(option.least, option.most) if is_limited else float
    if option.kind == "whole":
        return click.IntRange(_whole(option.least), _whole(option.most)) if is_limited else int
    return str


def _whole(limit: float | None) -> int | None:
    return None if limit is None else int(limit)
