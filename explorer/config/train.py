"""The configuration of a training: every option checked, all faults said at once."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from explorer.config.command_options import TRAIN_OPTIONS
from explorer.config.option import field_of
from explorer.config.run_folder import RUNS
from explorer.data.sources import SOURCES
from explorer.system.errors import ConfigError
from explorer.training.recipe import Recipe, default_recipe

__all__ = ["TrainConfig"]

_field = partial(field_of, TRAIN_OPTIONS)


class TrainConfig(BaseModel):
    """What ``filterfront train`` is asked to do. Field by field as in its help."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str = _field("network")
    data: str = _field("data")
    epochs: int | None = _field("epochs")
    threads: int | None = _field("threads")
    seed: int = _field("seed")
    out: Path | None = _field("out")

    def recipe(self, input_shape: tuple[int, ...]) -> Recipe:
        """The default recipe for inputs (C, H, W), with what is asked for in its place."""
        asked = {name: value for name in ("epochs", "threads") if (value := getattr(self, name)) is not None}
        return replace(default_recipe(input_shape), **asked)

    def folder(self) -> Path:
        """The folder asked for, else ``runs/train-NETWORK-DATA``.

        Raises:
            ConfigError: it is a file.
        """
        name, _, place = self.data.partition(":")
        data = f"{name}-{Path(place.partition('?')[0]).name}" if place and name in SOURCES else Path(name).stem
        network = Path(self.network.rpartition(":")[0] or self.network).name.removesuffix(".py")
        folder = self.out or RUNS / re.sub(r"[^A-Za-z0-9_.-]+", "-", f"train-{network}-{data}")
        if folder.exists() and not folder.is_dir():
            raise ConfigError("--out is a folder", str(folder), "choose another name")
        return folder
