"""``filterfront calibrate``."""

import click

from explorer.cli.common import handles_errors, json_option, print_json

__all__ = ["calibrate"]


@click.command()
@click.option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="That compute a layer.")
@click.option("--fresh", is_flag=True, help="Measure again, in the place of what is kept.")
@json_option
@handles_errors
def calibrate(threads: int, fresh: bool, as_json: bool) -> None:
    """Time this machine's kernels, so that searches can predict latency: less than a minute, once.

    The rates are kept in the cache folder for this processor, this number of threads and these versions; a search that
    asks for latency calibrates by itself where they are missing.

    \b
    filterfront calibrate
    filterfront search --objectives accuracy,latency --max-latency 2ms
    """
    from explorer.measurement.latency.calibration import calibrate_latency, latency_calibration
    from explorer.measurement.latency.store import calibration_path, write_calibration

    if fresh:
        found = calibrate_latency(threads)
        write_calibration(found)
    else:
        found = latency_calibration(threads)
    if as_json:
        print_json(found.to_json())
        return
    facts = found.model.machine
    click.echo(f"machine:    {facts['cpu']} ({facts['target']}), threads: {facts['threads']}")
    click.echo(f"measured:   {found.cases} layers in {found.seconds:.0f} s; median error on them {found.error:.1%}")
    click.echo(f"kept in:    {calibration_path(facts)}")
    for kernel, rates in found.model.rates.items():
        shown = ", ".join(f"{name} {1e9 * rate:.3g}" for name, rate in rates.items())
        click.echo(f"{kernel}: {shown}")
    click.echo("numbers are nanoseconds for one of each amount")
