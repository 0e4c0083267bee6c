"""``filterfront train``."""

from pathlib import Path
from typing import Any

import click

from explorer.api.progress import quiet_warnings
from explorer.cli.common import handles_errors, json_option, print_json
from explorer.cli.offered import offered
from explorer.config.command_options import TRAIN_OPTIONS

__all__ = ["train"]


@click.command()
@offered(TRAIN_OPTIONS, checks_limits=False)
@json_option
@handles_errors
def train(as_json: bool, **options: Any) -> None:
    """Train a network from scratch; write its weights and its learning curve.

    The weights are kept in the cache too, where a search on the same network, data and seed finds them. A stopped
    training goes on after its last finished epoch with the same command, to the same weights.

    \b
    filterfront train
    filterfront train --network resnet20-cifar --data glyphs32
    filterfront train --network my_net.py:build --data images:photos --epochs 30 --out runs/photos
    """
    from explorer.config.checked import checked
    from explorer.config.train import TrainConfig

    config = checked(TrainConfig, options)
    folder = config.folder()
    with quiet_warnings():
        _train(config, folder, as_json)


def _train(config: Any, folder: Path, as_json: bool) -> None:
    from explorer.data import load_data
    from explorer.networks.load import load_network
    from explorer.system.inputs import parts_of
    from explorer.training.folder import training_facts, write_training
    from explorer.training.trained_cache import trained

    dataset = load_data(config.data)
    loaded = load_network(config.network, classes=dataset.classes or None)
    recipe = config.recipe(tuple(parts_of(dataset.train.inputs)[0].shape[1:]))
    record = trained(loaded.name, loaded.module, dataset, recipe, config.seed)
    write_training(folder, loaded.name, loaded.module, dataset, record)
    if as_json:
        print_json({"folder": str(folder), **training_facts(loaded.name, dataset, record)})
        return
    source = "read from the cache; trained earlier" if record.from_cache else "trained"
    click.echo(f"{loaded.name} on {dataset.name} ({dataset.origin})")
    click.echo(f"{source} in {record.seconds:,.1f} s on {record.device}, {recipe.epochs} epochs, seed {record.seed}")
    for part in ("train", "validation", "test"):
        share = getattr(record, f"{part}_accuracy")
        if share is not None:
            click.echo(f"{part} accuracy: {share:.2%} of {len(dataset.part(part)):,} images [measured]")
    click.echo(f"weights: {folder / 'weights.safetensors'}")
    click.echo(f"learning curve: {folder / 'curve.png'}")
