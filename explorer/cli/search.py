"""``filterfront search``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from explorer.api.progress import shown
from explorer.cli.common import (
    INTERRUPTED,
    command_line,
    handles_errors,
    json_option,
    plain_rows,
    print_json,
    trust_option,
)
from explorer.cli.offered import offered
from explorer.cli.option_groups import GroupedCommand
from explorer.cli.summary import answer_facts, detail_options, level_of, print_summary
from explorer.config.search_options import SEARCH_GROUPS, SEARCH_OPTIONS
from explorer.system.progress import Stage

if TYPE_CHECKING:
    from explorer.api.searching import Searched

__all__ = ["search"]

_OUTPUT = ("as_json", "quiet", "verbose", "explain", "debug", "help")
GROUPS = {
    **SEARCH_GROUPS,
    "Input and output": ("config_file", "trust", *SEARCH_GROUPS["Input and output"], *_OUTPUT),
}
"""The options as ``--help`` groups them."""


@click.command(cls=GroupedCommand, groups=GROUPS)
@offered(SEARCH_OPTIONS, checks_limits=False)
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="A TOML file of options, or a run.json; flags win."
)
@trust_option
@detail_options
@json_option
@handles_errors
def search(
    as_json: bool, config_file: Path | None, trust: bool, quiet: bool, verbose: bool, explain: bool, **options: Any
) -> None:
    """Search the compressed forms of a network that fit a device, and write a Pareto report.

    With no option at all: a small CNN, trained here on scikit-learn's handwritten digits, for a microcontroller. Ctrl-C
    keeps every finished trial and writes the report; --resume goes on.

    \b
    filterfront search
    filterfront search --network resnet20-cifar --device stm32f446 --objectives distortion,storage
    filterfront search --network my_net.py:build --data my_data.py:parts --flash 256KiB --sram 64KiB
    filterfront search --network my_net.py:build --data images:photographs --agreement --flash 256KiB
    filterfront search --schemes dense,stacked-binary --sampler tpe --trials 500 --out runs/binary
    filterfront search --out runs/binary --schemes dense,stacked-binary --sampler tpe --trials 1000 --resume
    filterfront search --config runs/binary/run.json --seed 1 --out runs/binary-1
    """
    level = level_of(quiet, verbose)
    with shown(quiet), Stage("starting"):
        from explorer.api.searching import run_config
        from explorer.config.search import make_config

        asked = options if config_file is None else _with_file(config_file, trust, options)
        found = run_config(make_config(**asked), command_line())
    if as_json:
        _print_json(found)
    else:
        _print(found, level, explain)
    if found.interrupted:
        raise SystemExit(INTERRUPTED)


def _with_file(path: Path, trust: bool, options: dict[str, Any]) -> dict[str, Any]:
    """The options with those of a file in the place of defaults: what was typed wins."""
    from explorer.config.file import read_config

    context = click.get_current_context()
    typed = {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    return {**options, **read_config(path, typed, trust), **typed}


def _print_json(found: "Searched") -> None:
    front, info = found.run.front, found.run.info
    rows = plain_rows(front)
    facts = {name: info[name] for name in ("status", "counts", "gap")}
    tuned = [design.facts for design in found.tuned]
    recommended = answer_facts(found.run.record, found.run.folder)
    print_json({"folder": str(found.run.folder), **facts, "recommended": recommended, "front": rows, "tuned": tuned})


def _print(found: "Searched", level: int, explain: bool) -> None:
    from explorer.cli.finetune import tuned_line

    notes = [f"fine-tuned {tuned_line(design.facts)}" for design in found.tuned]
    if found.run.status == "interrupted":
        notes.append(f"interrupted; go on with the same command and --resume --out {found.run.folder}")
    print_summary(found.run.record, found.run.folder, level, explain, [*notes, f"report: {found.page}"])
