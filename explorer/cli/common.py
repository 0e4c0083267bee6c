"""What the subcommands share: errors as one line, and plain output for programs."""

import functools
import json
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from costmodels.errors import FilterfrontError
from costmodels.printable import printable
from explorer.cli import INTERRUPTED
from searches.passwords import masked, without_password

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "INTERRUPTED",
    "command_line",
    "debug_option",
    "handles_errors",
    "json_option",
    "plain_rows",
    "print_json",
]

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
debug_option = click.option("--debug", is_flag=True, help="Show the traceback of an error.")


def handles_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turns errors into one line on stderr and an exit code: 2, or what the error carries; 3 for an unexpected one."""

    @debug_option
    @functools.wraps(function)
    def wrapper(*args: Any, debug: bool, **options: Any) -> Any:
        try:
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
    click.echo(json.dumps(value, indent=2))


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
