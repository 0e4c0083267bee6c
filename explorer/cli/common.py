"""What the subcommands share: errors as one line, and plain output for programs."""

import functools
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TextIO

import click

from explorer.cli import INTERRUPTED

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "INTERRUPTED",
    "command_line",
    "debug_option",
    "error_facts",
    "handles_errors",
    "json_option",
    "plain_rows",
    "print_json",
    "trust_option",
]

_json_stream: ContextVar[TextIO | None] = ContextVar("_json_stream", default=None)
"""Where JSON goes; the standard output as it is then for None."""

_MOST_SHOWN, _MOST_READ = 4_000, 1_000_000
"""Letters of an error: its end says what to do."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
debug_option = click.option("--debug", is_flag=True, help="Show the traceback of an error.")
trust_option = click.option(
    "--trust",
    is_flag=True,
    help="Run code that is named or lies there, though no search or export of yours made it so.",
)


def handles_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turns errors into one line on stderr and an exit code: 2, or what the error carries; 3 for an unexpected one."""

    @debug_option
    @functools.wraps(function)
    def wrapper(*args: Any, debug: bool, **options: Any) -> Any:
        as_json = bool(options.get("as_json"))
        try:
            with _json_alone(as_json):
                return function(*args, **options)
        except KeyboardInterrupt as error:
            _fail("interrupted", INTERRUPTED, error, as_json)
        except (BrokenPipeError, click.ClickException, click.exceptions.Exit, click.Abort):
            raise  # the reader has gone, or click says it
        except Exception as error:
            if debug:
                _show_traceback()
            _fail(*_said(error), error, as_json)

    return wrapper


@contextmanager
def _json_alone(as_json: bool) -> Iterator[None]:
    """Where programs read JSON, nothing else comes on the standard output: what a user's network or data print while
    they run goes to stderr."""
    if not as_json:
        yield
        return
    token = _json_stream.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _json_stream.reset(token)


def _said(error: Exception) -> tuple[str, int]:
    """What is said of an error, and the exit code: 2, or what the error carries; 3 for an unexpected one."""
    from costmodels.errors import FilterfrontError

    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}; check the path, its permissions and the space left", getattr(
            error, "exit_code", 2
        )
    if isinstance(error, FilterfrontError | OSError):
        return str(error), getattr(error, "exit_code", 2)
    return f"unexpected {type(error).__name__}: {error}; add --debug for the traceback and report it", 3


def _show_traceback() -> None:
    """Prints the traceback of the error at hand and ends; without passwords, which drivers repeat."""
    from searches.passwords import without_password

    click.echo(without_password(traceback.format_exc()), err=True, nl=False)
    sys.exit(1)


def _fail(message: str, code: int, error: BaseException, as_json: bool) -> None:
    """Says an error in one line on stderr, and where programs read JSON as JSON too, and ends."""
    line = _clean(message)
    click.echo(f"filterfront: {line}", err=True)
    if as_json:
        print_json(error_facts(line, code, error))
    sys.exit(code)


def _clean(text: str) -> str:
    from costmodels.printable import printable
    from searches.passwords import without_password

    shown = printable(" ".join(without_password(text[:_MOST_READ]).split()))
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[: _MOST_SHOWN // 2]} ... {shown[-_MOST_SHOWN // 2 :]}"


def error_facts(message: str, code: int, error: BaseException) -> dict[str, Any]:
    """An error as plain data.

    Args:
        message: in one line.
        code: with which the command ends.
        error: whose kind is named, with its rule, its value and its remedy where it has them.
    """
    parts = {name: getattr(error, name, None) for name in ("rule", "value", "remedy")}
    known = {name: _clean(str(part)) for name, part in parts.items() if part}
    return {"error": {"message": message, "kind": type(error).__name__, **known, "exit_code": code}}


def print_json(value: Any) -> None:
    """Prints plain data."""
    click.echo(json.dumps(value, indent=2), file=_json_stream.get())


def plain_rows(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows of a table as plain data, with null for what is not known or not finite."""
    from reports.json_files import finite

    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    found: list[dict[str, Any]] = finite(rows)
    return found


def command_line() -> str:
    """The command as it was typed, for the provenance, without passwords."""
    from searches.passwords import masked

    words = []
    for word in sys.argv[1:]:
        option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        words.append(f"{option}{equals}{masked(value) if '://' in value else value}")
    return " ".join(["filterfront", *words])
