"""``filterfront export``."""

from pathlib import Path
from typing import Any

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import handles_errors, json_option, print_json, trust_option

__all__ = ["export"]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--design", required=True, help="The design of the run's front, as front.csv names it.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder, or the packed file by a name ending in .safetensors.  [default: DIR/exports/DESIGN]",
)
@click.option("--onnx", is_flag=True, help="Write ONNX too, weights in floats; needs filterfront[onnx].")
@click.option(
    "--qdq", is_flag=True, help="Write a dense design as ONNX of int8 too, as QuantizeLinear/DequantizeLinear."
)
@click.option("--qonnx", is_flag=True, help="Write a dense design of any widths as QONNX too.")
@click.option("--c", "as_c", is_flag=True, help="Write C99 too, for a microcontroller or this machine.")
@click.option(
    "--target", metavar="NAME", help="Processor that the C is compiled for, such as cortex-m4.  [default: host]"
)
@trust_option
@json_option
@handles_errors
def export(
    folder: Path,
    design: str,
    out: Path | None,
    onnx: bool,
    qdq: bool,
    qonnx: bool,
    as_c: bool,
    target: str | None,
    trust: bool,
    as_json: bool,
) -> None:
    """Write a design of a run folder as files to deploy; fine-tuned where the run folder holds its tuned state.

    The packed file holds what the formulas count and a stated header, and runs without the network's code. Next to it
    lie a plain state dict with the reconstructed weights and export.json, what every byte is for. Each file is run and
    compared with torch before any is kept. Network and data are those of the search, by the same names and paths.

    \b
    filterfront export runs/digits-cnn-stm32l432 --design 97ba91eed8
    filterfront export runs/digits-cnn-stm32l432 --design 97ba91eed8 --onnx --out deployed
    filterfront export runs/digits-cnn-stm32l432 --design 97ba91eed8 --out digits.safetensors
    filterfront export runs/digits-cnn-stm32l432 --design 97ba91eed8 --c --target cortex-m4
    filterfront export runs/dense --design 97ba91eed8 --qdq --qonnx
    """
    from explorer.api.run import open_run
    from explorer.config.given import Given

    if target is not None and not as_c:
        raise click.UsageError("--target is of --c; add --c")
    with quiet_warnings():
        exported = open_run(folder, Given(trusted=trust)).write_design(
            design, out, onnx, as_c, target or "host", qdq, qonnx
        )
    if as_json:
        print_json({"folder": str(exported.paths["packed"].parent), **exported.to_json()})
    else:
        _print(exported)


def _print(exported: Any) -> None:
    from explorer.deployment.packed.text import comparison_lines, size_lines

    design = exported.design
    state = "as it was tuned" if design.tuned else "as fitted, not fine-tuned"
    click.echo(
        f"{design.traced.spec.name}, design {design.design}, {state}: {design.cost.compression_ratio:.1f}x [counted]"
    )
    for line in size_lines(exported.breakdown):
        click.echo(line)
    click.echo(f"compared with torch on {exported.images}:")
    for line in comparison_lines(exported.floats, exported.rounded, design.ranges.bits, exported.onnx):
        click.echo(line)
    for line in exported.integers.lines() if exported.integers else ():
        click.echo(line)
    if exported.c is not None:
        from explorer.config.budgets import chosen_device
        from explorer.deployment.device_code.text import export_lines

        found, device = exported.c, chosen_device(design.config)
        for line in export_lines(found.folder, found.rounding, found.host, design.cost, device):
            click.echo(line)
    for kind, path in exported.paths.items():
        click.echo(f"{kind}: {path}")
