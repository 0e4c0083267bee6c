"""``filterfront validate``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import handles_errors, json_option, print_json
from explorer.cli.listings import print_listing

if TYPE_CHECKING:
    from costmodels.validation.results import Check
    from explorer.validation.validate import Validation

__all__ = ["validate"]


@click.command()
@click.option("--quick", is_flag=True, help="Fewer layers: under a minute.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of the random layers.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the tables and the picture.")
@json_option
@handles_errors
def validate(quick: bool, seed: int, out: Path | None, as_json: bool) -> None:
    """Check the formulas: against packed bytes, operations counted as they run, other counters, published figures; the
    kernels against torch; predicted against measured times.

    Every check but that of times is exact. The exit code is 1 when a figure is off by one or a difference to another
    counter is unexplained; scheme and component are named. Times are judged without --quick, and change no exit code;
    the kernels are calibrated first where this machine's were not yet.

    \b
    filterfront validate --quick
    filterfront validate --out validation
    """
    from explorer.validation.validate import Effort, write_validation
    from explorer.validation.validate import validate as run

    with quiet_warnings():
        found = run(Effort.quick(seed) if quick else Effort(seed=seed))
    if out is not None:
        write_validation(out, found)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)
    sys.exit(0 if found.agrees else 1)


def _print(found: "Validation") -> None:
    """Both tables, and a line for every figure that differs."""
    from explorer.validation.qonnx_counts import qonnx_missing

    groups: dict[tuple[str, str], list[Check]] = {}
    for check in found.checks:
        groups.setdefault((check.name, check.scheme), []).append(check)
    checks = [_summary(group) for group in groups.values()]
    print_listing(checks, list(checks[0]), as_json=False)
    click.echo()
    networks = [
        {
            "network": one.network,
            "our MAC": f"{one.macs:,}",
            "FlopCounterMode / 2": f"{one.flop_counter_macs:,}",
            "fvcore": f"{one.fvcore:,}",
            "what explains fvcore's difference": one.explanation,
            "qonnx": "-" if one.qonnx is None else f"{one.qonnx.macs:,}",
            "our bit_ops, 4x8 bits": f"{one.bit_ops:,}",
            "qonnx's": "-" if one.qonnx is None else f"{one.qonnx.bit_ops:,}",
            "unexplained": f"{one.unexplained:,}",
        }
        for one in found.networks
    ]
    print_listing(networks, list(networks[0]), as_json=False)
    if any(one.qonnx is None for one in found.networks):
        click.echo(f"- not counted: {qonnx_missing() or 'too large for --quick'}")
    click.echo()
    _print_times(found)
    for check in found.checks:
        if not check.agrees:
            click.echo(f"{check.name}: {check.scheme}, {check.component}: off by {check.worst:+g} at {check.where}")
    for one in found.networks:
        if not one.agrees:
            click.echo(f"{one.network}: {one.unexplained:,} operations of other counters are not explained")
    click.echo("everything agrees" if found.agrees else "the formulas disagree with what was counted")


def _print_times(found: "Validation") -> None:
    """The table of predicted against measured times."""
    if found.times is None:
        click.echo("times: not judged under --quick\n")
        return
    rows = [
        {
            "predicted times of": score.kernel,
            "layers": str(score.cases),
            "within 10%": f"{score.within:.0%}",
            "second measurement within 10%": f"{score.repeatable:.0%}",
            "mean error": f"{score.mape:.1%}",
            "Kendall tau": f"{score.tau:.3f}",
        }
        for score in (*found.times.kernels, found.times.overall)
    ]
    print_listing(rows, list(rows[0]), as_json=False)
    click.echo()


def _summary(checks: "Sequence[Check]") -> dict[str, str]:
    """One line for a scheme; the JSON and the CSV have one for each of its components."""
    return {
        "what is checked": checks[0].name,
        "scheme or source": checks[0].scheme,
        "figures": str(len(checks)),
        "cases": f"{sum(check.cases for check in checks):,}",
        "worst deviation": f"{max((check.worst for check in checks), key=abs):g}",
        "verdict": "agrees" if all(check.agrees for check in checks) else "DIFFERS",
    }
