"""``filterfront cost``."""

from typing import TYPE_CHECKING, Any

import click

from explorer.cli.common import handles_errors, json_option, print_json

if TYPE_CHECKING:
    from explorer.networks.cost_table import CostTable

__all__ = ["cost"]


@click.command()
@click.option("--network", required=True, help="A zoo name, FILE.onnx, file.py:callable or package.module:callable.")
@click.option("--scheme", "scheme_text", required=True, help="A scheme in text; see filterfront schemes.")
@click.option(
    "--keep", default="", help="Layers that stay dense at 32 bits: names, or first, last; separated by commas."
)
@click.option("--activation-bits", default=8, show_default=True, help="Bits of every activation value.")
@click.option("--bias-bits", default=32, show_default=True, help="Bits of biases and folded normalizations: 32 or 16.")
@json_option
@handles_errors
def cost(network: str, scheme_text: str, keep: str, activation_bits: int, bias_bits: int, as_json: bool) -> None:
    """What a network costs under a scheme: storage in exact bits, operations, flash and SRAM, layer by layer.

    Layers that cannot take the scheme stay dense at 32 bits and are listed with the reason.

    \b
    filterfront cost --network vgg16-cifar --scheme 'stacked-binary(segments=2, filters=1/4)' --keep first,last
    filterfront cost --network resnet20-cifar --scheme 'linear-representation(templates=256)'
    filterfront cost --network my_net.py:build --scheme 'sparse-basis(segments=4, filters=1/8, basis_bits=1)' --json
    """
    from explorer.api.costing import count_cost

    table = count_cost(network, scheme_text, keep, activation_bits, bias_bits=bias_bits)
    if as_json:
        print_json(table.to_json())
    else:
        _print(table)


def _print(table: "CostTable") -> None:
    """The table for people."""
    from costmodels.units import format_bytes, format_count
    from explorer.networks.cost_table import outside_text

    plain = table.to_json()
    totals = plain["totals"]
    columns = ["layer", "shape", "storage", "ratio", "MAC", "additions", "multipl.", "bit-ops", "runs", "scratch"]
    total = {"name": "total", "shape": "", "execution": "", "scratch_bytes": None, **totals}
    lines = [columns, *(_row(layer) for layer in (*plain["layers"], total))]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    click.echo(f"{plain['network']} under {plain['scheme']}, {plain['activation_bits']}-bit activations\n")
    for line in lines:
        cells = [
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
    click.echo(f"\nflash {format_bytes(totals['flash_bytes'])} (weights, biases, folded normalization; no reserve)")
    click.echo(f"SRAM  {format_bytes(totals['sram_bytes'])} at its peak, in {totals['sram_peak_at']}")
    click.echo(f"input {format_bytes(totals['input_bytes'])}, in memory of the caller")
    if constants := totals["extras"].get("constants"):
        click.echo(f"of flash {format_bytes(-(-constants // 8))} are constants that other operations read")
    others = format_count(totals["other_operations"])
    moved = format_bytes(totals["other_traffic_bytes"])
    click.echo(f"other {others} operations without MAC (elementwise, pooling, copies), which read and write {moved}")
    for step in plain["not_compressed"]:
        click.echo(f"no compressed form: {outside_text(step)}")
    for name, reason in plain["kept_dense"].items():
        click.echo(f"stays dense at 32 bits: {name} ({reason})")
    for step in plain["unknown_operations"]:
        click.echo(f"unknown work, not in the counts above: {outside_text(step)}", err=True)
    for note in plain["notes"]:
        click.echo(f"note: {note}")
    click.echo("\nAll figures are counted. Conventions:")
    for key, statement in plain["convention"].items():
        click.echo(f"  {key}: {statement}")


def _row(layer: dict[str, Any]) -> list[str]:
    from costmodels.units import format_bytes, format_count

    counts = [format_count(layer[name]) for name in ("macs", "additions", "multiplications", "bit_ops")]
    scratch = "" if layer["scratch_bytes"] is None else format_bytes(layer["scratch_bytes"])
    size = format_bytes(-(-layer["storage_bits"] // 8))
    ratio = f"{layer['compression_ratio']:.2f}x"
    return [layer["name"], layer["shape"], size, ratio, *counts, layer["execution"], scratch]
