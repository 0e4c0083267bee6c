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
    reserve_flash_option,
    reserve_ram_option,
    trust_option,
)
from explorer.cli.option_groups import GroupedCommand
from explorer.cli.summary import answer_facts, detail_options, level_of, print_summary
from explorer.system.progress import Stage

if TYPE_CHECKING:
    from explorer.api.searching import Searched

__all__ = ["search"]

GROUPS = {
    "Network and data": ("network", "weights", "data", "validation_images"),
    "Device and budgets": (
        *("device", "flash", "sram", "max_bit_ops", "max_latency", "reserve_flash", "reserve_ram"),
        *("activation_bits", "bias_bits"),
    ),
    "What is searched": (
        *("objectives", "objective", "agreement", "metric", "metric_direction"),
        *("schemes", "layers", "space", "keep", "deployable"),
    ),
    "How designs are fitted and measured": ("calibration_images", "batch_statistics"),
    "The search": ("trials", "sampler", "seed", "workers", "storage", "heartbeat", "resume", "gap", "gap_eps"),
    "Training": ("sequential", "trained", "finetune_top", "finetune_epochs"),
    "Input and output": (
        "config_file",
        "trust",
        "out",
        "parquet",
        "mlflow",
        "as_json",
        "quiet",
        "verbose",
        "explain",
        "debug",
        "help",
    ),
}
"""The options as ``--help`` groups them."""


@click.command(cls=GroupedCommand, groups=GROUPS)
@click.option(
    "--network", default="digits-cnn", show_default=True, help="Zoo name, FILE.onnx, file.py:name or module:name."
)
@click.option("--weights", type=click.Path(path_type=Path), help="Weights: .safetensors, or .pt (loaded weights-only).")
@click.option(
    "--data",
    help="digits, glyphs32, fashion-mnist, cifar10:FOLDER, idx:FOLDER, images:FOLDER, or file.py:callable; see "
    "docs/how-to/data.md.",
)
@click.option("--validation-images", type=int, help="Measure designs on so many validation images at most.")
@click.option("--device", help="A device of the catalogue, or a .toml file of your own.")
@click.option("--flash", help="Flash for the network itself, such as 256KiB, in place of the device's.")
@click.option("--sram", help="SRAM for activations and scratch, in place of the device's.")
@click.option("--max-bit-ops", help="Bit operations of an inference at most, such as 2e9.")
@click.option("--max-latency", help="Time of an inference at most, such as 20ms: on this machine, or of the device.")
@reserve_flash_option
@reserve_ram_option
@click.option("--activation-bits", default="8", show_default=True, help="1 to 16, or 32 for float; several: 8,4,2.")
@click.option(
    "--bias-bits", default=16, show_default=True, help="Bits of biases and shifts of folded normalizations: 32 or 16."
)
@click.option(
    "--objectives",
    help="By commas.  [default: accuracy (metric with one, agreement without labels, noise without data), flash "
    "(storage without a device)]",
)
@click.option(
    "--agreement", is_flag=True, help="Objective agreement, with the float network's answers, in place of accuracy."
)
@click.option(
    "--objective",
    multiple=True,
    metavar="PLACE",
    help="An objective of your own, file.py:name or module:name, with :minimize or :maximize behind it; repeatable. It "
    "is added to the others.",
)
@click.option("--metric", help="Your own quality of the outputs, file.py:name or module:name: the objective metric.")
@click.option(
    "--metric-direction",
    type=click.Choice(["maximize", "minimize"]),
    help="Which values of the metric are better.  [default: as its attribute direction says, else maximize]",
)
@click.option("--schemes", help="Search these schemes only, separated by commas.")
@click.option("--layer", "layers", multiple=True, metavar="NAME=SCHEME", help="A layer's own scheme; repeatable.")
@click.option("--space", type=click.Path(path_type=Path), help="A TOML file with the design space.")
@click.option("--keep", help="Layers that stay dense at 32 bits: names, first, last; separated by commas.")
@click.option(
    "--deployable", is_flag=True, help="Designs that can be C, and no others; a network without C is refused."
)
@click.option(
    "--batch-statistics/--no-batch-statistics",
    default=True,
    show_default=True,
    help="Batch statistics re-estimated for each design, on 256 training images.",
)
@click.option(
    "--calibration-images",
    type=int,
    default=1024,
    show_default=True,
    help="Unlabelled training images that layers are fitted to; 0 fits them to their weights alone.",
)
@click.option(
    "--sampler",
    help="guided, tpe, nsga2, nsga3 or random.  [default: guided up to 100 million weights to fit, else tpe]",
)
@click.option("--trials", type=int, default=300, show_default=True, help="Trials in all, those before --resume too.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of training, fits and sampler.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes that measure, one thread each.")
@click.option(
    "--storage",
    help="Database by URL, or grpc://host:port, for `filterfront worker`.  [default: a journal in the folder]",
)
@click.option("--heartbeat", type=int, default=10, show_default=True, help="Seconds between a trial's signs of life.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/NETWORK-DEVICE, numbered]")
@click.option("--parquet", is_flag=True, help="The tables as Parquet too; needs filterfront[parquet].")
@click.option(
    "--mlflow",
    metavar="URL",
    help="Log to MLflow, http://host:5000 or sqlite:///mlflow.db; needs filterfront[mlflow].",
)
@click.option("--resume", is_flag=True, help="Go on with the search in the run folder.")
@click.option("--finetune-top", type=int, default=0, show_default=True, help="Fine-tune so many designs of the front.")
@click.option("--finetune-epochs", type=int, default=40, show_default=True, help="Epochs of each of them at most.")
@click.option(
    "--sequential",
    is_flag=True,
    help="Fit promising designs once more, each layer to what the layers before it leave it; nothing is trained.",
)
@click.option(
    "--trained",
    type=int,
    metavar="EPOCHS",
    help="A front of trained designs: the promising ones are trained, the best for so many epochs.",
)
@click.option(
    "--gap/--no-gap",
    default=None,
    help="The distance to the best possible.  [default: up to 100 million weights to fit]",
)
@click.option(
    "--gap-eps", type=float, default=0.2, show_default=True, help="Three or more objectives: proven within 1 + this."
)
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
