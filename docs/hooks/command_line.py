"""Fills the page of the command line from click, so that it says what ``--help`` says."""

import inspect
from collections.abc import Iterator

import click

from explorer.cli import cli

PLACE = "<!-- commands -->"
VERBATIM = "\b\n"
"""Begins a paragraph whose lines click leaves as they are."""


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called by MkDocs with the text of each page."""
    return markdown.replace(PLACE, "\n".join(_commands())) if PLACE in markdown else markdown


def _commands() -> Iterator[str]:
    group = click.Context(cli, info_name="filterfront")
    for name in cli.list_commands(group):
        command = cli.get_command(group, name)
        assert command is not None
        yield from _command(command, click.Context(command, parent=group, info_name=name))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"\n## {context.command_path}\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        examples = paragraph.removeprefix(VERBATIM)
        yield f"{paragraph}\n" if examples == paragraph else f"```sh\n{examples}\n```\n"
    yield f"```text\nUsage: {context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    yield "| option | means |\n|---|---|"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record:
            yield f"| `{record[0]}` | {_cell(record[1])} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
