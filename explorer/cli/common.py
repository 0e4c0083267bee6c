"""What the subcommands share: errors as one line, and plain output for programs."""

import functools
import json
import math
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TextIO

import click

from costmodels.errors import FilterfrontError
from costmodels.printable import printable
from explorer.cli import INTERRUPTED
from searches.passwords import masked, without_password

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "INTERRUPTED",
    "Finite",
    "command_line",
    "debug_option",
    "handles_errors",
    "json_option",
    "plain_rows",
    "print_json",
    "reserve_flash_option",
    "reserve_ram_option",
]

_json_stream: ContextVar[TextIO | None] = ContextVar("_json_stream", default=None)
"""Where JSON goes; the standard output as it is then for None."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
debug_option = click.option("--debug", is_flag=True, help="Show the traceback of an error.")
reserve_flash_option = click.option(
    "--reserve-flash", help="Flash kept for all but the network.  [default: for its C program, else 144KiB]"
)
reserve_ram_option = click.option(
    "--reserve-ram", help="RAM kept for all but the network.  [default: for its C program, else 44KiB]"
)


class Finite(click.FloatRange):
    """A number within bounds, which "nan" is not although it is beyond none of them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or a message of wrong usage."""
        found = super().convert(value, param, ctx)
        return found if math.isfinite(found) else self.fail(f"{value} is no finite number", param, ctx)


def handles_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turns errors into one line on stderr and an exit code: 2, or what the error carries; 3 for an unexpected one."""

    @debug_option
    @functools.wraps(function)
    def wrapper(*args: Any, debug: bool, **options: Any) -> Any:
        try:
            with _json_alone(bool(options.get("as_json"))):
                return function(*args, **options)
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)
        except BrokenPipeError:
            raise  # the reader has gone: click ends quietly
        except (FilterfrontError, OSError) as error:
            if debug:
                _show_traceback()
            _fail(_one_line(error), getattr(error, "exit_code", 2))
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if debug:
                _show_traceback()
            _fail(f"unexpected {type(error).__name__}: {error}; add --debug for the traceback and report it", 3)

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


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}; check the path, its permissions and the space left"
    return str(error)


def _show_traceback() -> None:
    """Prints the traceback of the error at hand and ends; without passwords, which drivers repeat."""
    click.echo(without_password(traceback.format_exc()), err=True, nl=False)
    sys.exit(1)


def _fail(message: str, code: int) -> None:
    click.echo(f"filterfront: {printable(' '.join(without_password(message).split()))}", err=True)
    sys.exit(code)


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
    words = []
    for word in sys.argv[1:]:
        option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        words.append(f"{option}{equals}{masked(value) if '://' in value else value}")
    return " ".join(["filterfront", *words])
