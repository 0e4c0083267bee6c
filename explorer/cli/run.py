"""``filterfront run``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import handles_errors, json_option, print_json

if TYPE_CHECKING:
    from explorer.deployment.device_code.host.compiled import CompiledPacked
    from explorer.deployment.packed.network import PackedNetwork

__all__ = ["run"]


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--data", help="Labelled images to run it on, named as for a search.")
@click.option("--part", default="test", show_default=True, help="Of the data: test, validation or train.")
@click.option("--network", help="Refuse a file for another network than this one.")
@click.option(
    "--compiled", is_flag=True, help="Run the C program of the network, compiled by this machine's C compiler, instead."
)
@json_option
@handles_errors
def run(file: Path, data: str | None, part: str, network: str | None, compiled: bool, as_json: bool) -> None:
    """Check a packed file byte by byte, say what is in it, and run it on data.

    The network's code is not needed. Images of a folder or of IDX files are normalized as the file says. A file that is
    cut short, changed, of a newer format or for another network is refused.

    \b
    filterfront run deployed/packed.safetensors
    filterfront run deployed/packed.safetensors --data digits --network digits-cnn
    filterfront run deployed/packed.safetensors --data digits --compiled
    """
    from costmodels.printable import printable
    from explorer.data.sources import look_at_data
    from explorer.deployment.device_code.host.build import host_compiler
    from explorer.deployment.packed.first_look import look_at_packed

    look_at_packed(file)
    if data is not None:
        look_at_data(data)
    if compiled:
        host_compiler()
    from explorer.data import load_data
    from explorer.deployment.packed.quality import open_packed, packed_quality
    from explorer.deployment.packed.reading import read_packed
    from explorer.deployment.packed.size_breakdown import size_breakdown
    from explorer.deployment.packed.text import accuracy_line, size_lines

    with quiet_warnings():
        dataset = load_data(data, normalization=read_packed(file).normalization) if data else None
        packed, runnable = open_packed(file, network, (dataset.classes or None) if dataset else None)
        program = _compiled(runnable) if compiled else None
        found = packed_quality(runnable, dataset, part, program) if dataset else None
    sizes, facts = size_breakdown(packed), packed.facts
    if as_json:
        said = {key: getattr(facts, key) for key in ("network", "design", "activation_bits")}
        measured = {"part": part, "accuracy": found.accuracy, "images": found.samples} if found else None
        print_json(
            {"file": str(file), **said, "compiled": compiled, "size_breakdown": sizes.to_json(), "measured": measured}
        )
        return
    activations = "float" if facts.activation_bits == 32 else f"{facts.activation_bits}-bit"
    name, design = printable(facts.network), printable(facts.design)
    state = "checksum right; compiled" if compiled else "checksum right"
    click.echo(f"{name}, design {design or 'without a name'}, {activations} activations; {state}")
    for line in size_lines(sizes):
        click.echo(line)
    if dataset is not None and found is not None and found.accuracy is not None:
        click.echo(f"{accuracy_line(found.accuracy, found.samples)}, the {part} part of {dataset.name}")


def _compiled(network: "PackedNetwork") -> "CompiledPacked":
    from explorer.deployment.device_code.host.compiled import compiled

    return compiled(network)
