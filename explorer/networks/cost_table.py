"""The cost of a whole network under one scheme, as the table of ``filterfront cost``."""

from collections.abc import Sequence
from typing import Any

import click

from costmodels import Dense, NetworkSpec, network_cost, parse_scheme
from costmodels.conventions import CONVENTIONS
from costmodels.text import resolve_all
from costmodels.units import format_bytes, format_count
from explorer.networks.load import load_network
from explorer.networks.trace import trace

__all__ = ["cost_table", "kept_layers", "print_cost"]

KEPT = Dense(weight_bits=32)


def kept_layers(network: NetworkSpec, names: Sequence[str]) -> frozenset[str]:
    """Layer names from names, ``first`` and ``last``.

    Raises:
        NetworkSpecError: there is no layer of that name.
    """
    ends = {"first": network.layers[0].name, "last": network.layers[-1].name}
    return frozenset(network.layer(ends.get(name, name)).name for name in names)


def cost_table(network_text: str, scheme_text: str, keep: str, activation_bits: int) -> dict[str, Any]:
    """The table of ``filterfront cost --json``.

    Raises:
        FilterfrontError: the network, the scheme or a name to keep cannot be used, or no layer can take the scheme.
    """
    pattern = parse_scheme(scheme_text)
    loaded = load_network(network_text)
    network = trace(loaded.module, loaded.example_input, loaded.name).spec
    kept = kept_layers(network, [name.strip() for name in keep.split(",") if name.strip()])
    shapes = {layer.name: layer.shape for layer in network.layers}
    schemes, reasons = resolve_all(pattern, shapes, kept, KEPT)
    cost = network_cost(network, schemes, activation_bits)
    return {
        "network": network.name,
        "scheme": str(pattern),
        "activation_bits": activation_bits,
        "convention": {convention.key: convention.statement for convention in CONVENTIONS},
        "layers": [layer.to_json() for layer in cost.layers],
        "kept_dense": reasons,
        "unknown_operations": [
            {"name": step.name, "kind": step.kind, "reason": step.reason} for step in network.unknown
        ],
        "totals": cost.totals(),
    }


def print_cost(table: dict[str, Any]) -> None:
    """The table for people."""
    columns = ("layer", "shape", "storage", "ratio", "MAC", "additions", "multipl.", "bit-ops", "runs", "scratch")
    rows = [_row(layer) for layer in table["layers"]]
    totals = table["totals"]
    total = {"name": "total", "shape": "", "execution": "", "scratch_bytes": None, **totals}
    lines = [list(columns), *rows, _row(total)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    click.echo(f"{table['network']} under {table['scheme']}, {table['activation_bits']}-bit activations\n")
    for line in lines:
        cells = [
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
    click.echo(f"\nflash {format_bytes(totals['flash_bytes'])} (weights, biases, folded normalization; no reserve)")
    click.echo(f"SRAM  {format_bytes(totals['sram_bytes'])} at its peak, in {totals['sram_peak_at']}")
    for name, reason in table["kept_dense"].items():
        click.echo(f"stays dense at 32 bits: {name} ({reason})")
    for step in table["unknown_operations"]:
        click.echo(f"unknown cost, not in the counts above: {step['name']} ({step['reason']})", err=True)
    click.echo("\nAll figures are counted. Conventions:")
    for key, statement in table["convention"].items():
        click.echo(f"  {key}: {statement}")


def _row(layer: dict[str, Any]) -> list[str]:
    counts = [format_count(layer[name]) for name in ("macs", "additions", "multiplications", "bit_ops")]
    scratch = "" if layer["scratch_bytes"] is None else format_bytes(layer["scratch_bytes"])
    size = format_bytes(-(-layer["storage_bits"] // 8))
    ratio = f"{layer['compression_ratio']:.2f}x"
    return [layer["name"], layer["shape"], size, ratio, *counts, layer["execution"], scratch]
