"""How the subcommands show a run: options for how much, and colour where the output is a terminal."""

import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from reports.run_record import RunRecord

__all__ = ["answer_facts", "detail_options", "level_of", "print_answer", "print_summary", "terminal_width"]


def detail_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options -q, -v and --explain."""
    for option in (
        click.option("--explain", is_flag=True, help="Say the conventions of counting too."),
        click.option("-v", "--verbose", is_flag=True, help="Show every table."),
        click.option("-q", "--quiet", is_flag=True, help="Show no progress, and of the summary the answer alone."),
    ):
        command = option(command)
    return command


def level_of(quiet: bool, verbose: bool) -> int:
    """How much is shown: -1 the answer alone, 0 what is usual, 1 every table.

    Raises:
        click.UsageError: both quiet and verbose.
    """
    if quiet and verbose:
        raise click.UsageError("-q and -v do not go together; give one of them")
    return int(verbose) - int(quiet)


def terminal_width() -> int | None:
    """The columns of the terminal; None where the output is none, and lines are as long as they need."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_summary(
    run: "RunRecord", folder: Path, level: int = 0, explain: bool = False, notes: Iterable[str] = ()
) -> None:
    """Prints a run, and at the end its answer and the next command.

    Args:
        run: the run.
        folder: of the run.
        level: of `level_of`.
        explain: whether conventions are said.
        notes: lines before the answer.
    """
    from reports.summary import Detail, sections

    for part in sections(run, Detail(level, explain, terminal_width())):
        if part.title:
            click.secho(part.title, bold=True)
        click.secho(part.text, fg="yellow" if part.text.startswith("Warning: ") else None)
        click.echo()
    for note in notes:
        click.echo(note)
    print_answer(run, folder)


def print_answer(run: "RunRecord", folder: Path) -> None:
    """Prints the recommended design and the next command."""
    from reports.summary import answer_lines

    for line in answer_lines(run, str(folder), terminal_width()):
        name, _, rest = line.partition(": ")
        click.echo(f"{click.style(name, bold=True, fg='green')}: {rest}")


def answer_facts(run: "RunRecord", folder: Path) -> dict[str, Any] | None:
    """The answer as plain data; None where no design fits."""
    from reports.answer import answer

    found = answer(run, str(folder))
    if found is None:
        return None
    points = {point.title.lower().replace(" ", "_"): point.text for point in found.points}
    return {"design": found.design, "said": found.headline, **points, "export": found.export}
