"""The command ``filterfront``: one file for each subcommand, imported when it is called."""

import gc
import importlib
import signal
import sys
from typing import Any

import click

from explorer.system.freed_memory import keep_freed_memory
from explorer.system.idle_processes import end_idle_processes
from explorer.system.interrupts import forget_handled_interrupt

__all__ = ["INTERRUPTED", "main"]

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the signal's number, as shells have it."""

COMMANDS = {
    "search": "find the designs that fit a device, and write the Pareto report",
    "show": "a run again as its search printed it, or one design layer by layer",
    "status": "how far a search is, also while it runs",
    "within": "the front of a run's measured designs under other budgets",
    "compare": "several runs of one network in one table and one picture",
    "finetune": "train a design of a run folder further, in its compressed form",
    "worker": "measure designs of a search that shares a database, on this machine",
    "serve": "let many workers reach a database through one process",
    "train": "train a network from scratch, with its learning curve",
    "cost": "what a network costs under a scheme, layer by layer",
    "validate": "the formulas against packed bytes, counted operations and other counters",
    "export": "a design as files to deploy: packed, weights, ONNX, C",
    "emulate": "an exported folder of C on an emulated microcontroller",
    "run": "check a packed file, and its accuracy when run from it",
    "report": "draw the pictures and the page of a run folder again",
    "calibrate": "time this machine's kernels, so that searches can predict latency",
    "devices": "the devices of the catalogue, and what a network may use of them",
    "networks": "the networks of the zoo",
    "schemes": "the compressed forms and their parameters",
}


class _LazyGroup(click.Group):
    """Subcommands imported on use, so that ``--help`` needs nothing heavy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"explorer.cli.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """A Ctrl-C while a subcommand is imported ends as one within it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("filterfront: interrupted", err=True)
            sys.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="filterfront")
def cli() -> None:
    """Which compressed form of a CNN fits a device, at what loss, and how far that is from the best possible.

    \b
    filterfront search                       the main job, on data that is built in
    filterfront cost --network resnet20-cifar --scheme 'stacked-binary(segments=2, filters=1/4)'
    filterfront COMMAND --help               options and examples of a command
    """


def main(arguments: list[str] | None = None) -> Any:
    """Entry point. Exit codes: 0 done; 1 a check failed or no design fits; 2 wrong usage; 3 an unexpected fault; 130
    Ctrl-C."""
    words = sys.argv[1:] if arguments is None else arguments
    if arguments is None:
        keep_freed_memory()
    try:
        if "--json" not in words:
            return cli.main(args=arguments, prog_name="filterfront")
        return _main_for_programs(words)
    finally:
        if arguments is None:  # all is done, and the answer stands: Ctrl-C while libraries unload changes nothing
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            forget_handled_interrupt()
            gc.freeze()  # the process ends: looking for garbage in what is loaded takes seconds
        end_idle_processes()


def _main_for_programs(words: list[str]) -> Any:
    """As `main`, with wrong usage as JSON too."""
    try:
        code = cli.main(args=words, prog_name="filterfront", standalone_mode=False)
    except click.ClickException as error:
        from explorer.cli.common import error_facts, print_json

        error.show()
        print_json(error_facts(error.format_message(), error.exit_code, error))
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    sys.exit(main())
