"""A command whose ``--help`` shows its options in groups."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

__all__ = ["GroupedCommand"]


class GroupedCommand(click.Command):
    """A command with its options in groups.

    Args:
        args: of `click.Command`.
        kwargs: likewise.
        groups: titles, each with the names of its options' parameters; others come last, under a title of their own.
    """

    def __init__(self, *args: Any, groups: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes a section for each group that has an option."""
        # The option --help has another name in each version of click.
        params = {"help" if "--help" in param.opts else str(param.name): param for param in self.get_params(ctx)}
        records = {name: param.get_help_record(ctx) for name, param in params.items()}
        grouped = {name for names in self.groups.values() for name in names}
        others = [name for name in records if name not in grouped]
        for title, names in (*self.groups.items(), ("Other options", others)):
            rows = [record for name in names if (record := records.get(name)) is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
