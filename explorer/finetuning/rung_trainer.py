"""Training designs within a search: what a design is worth after so many epochs, its state kept in the run folder."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from costmodels import LayerUsage
from explorer.config.recipe_values import tuning_recipe
from explorer.config.search import SearchConfig
from explorer.finetuning.tune_design import TRAINED, tune_design, write_tuned_table
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.layer_fits import LayerFit
from explorer.search.setup import Prepared, prepare
from explorer.search.worker_process import Job, Maker
from explorer.search.workload import Workload
from explorer.system.errors import TrainingError
from searches.design import Design
from searches.figures import NOISE, QUALITY_FIGURES
from searches.study import Figures

__all__ = ["RungTrainer", "make_trainer"]


def make_trainer(ready: Prepared, folder: Path) -> "RungTrainer":
    """What trains the designs of a search.

    Args:
        ready: the search.
        folder: of the run, where states are kept.
    """
    return RungTrainer(ready.config, folder, ready.workload, ready.evaluator, ready.problem.signature)


@dataclass(frozen=True, eq=False)
class RungTrainer:
    """Trains designs of one search.

    Args:
        config: of the search.
        folder: of the run, where states are kept: of each design that of its last training.
        workload: network and data.
        evaluator: measures designs as fitted.
        search: the signature of the search.
    """

    config: SearchConfig
    folder: Path
    workload: Workload
    evaluator: DesignEvaluator
    search: Mapping[str, Any]

    def figures(self, design: Design, epochs: int) -> Figures:
        """Figures of a design after so many epochs at most; those that training made not finite are not numbers."""
        fitted = self.evaluator.figures(design)
        kept = {name: value for name, value in fitted.items() if name != NOISE}  # which is of layers as fitted
        try:
            after = self._facts(design, epochs)["after"]
        except TrainingError:
            return kept | {name: math.nan for name in kept if name in QUALITY_FIGURES}
        return kept | {name: value for name, value in after.items() if value is not None}

    def figures_alone(self, design: Design, epochs: int) -> Figures:
        """The same of a design that is no part of the search: nothing of it is left in the folder."""
        with TemporaryDirectory() as folder:
            return replace(self, folder=Path(folder)).figures(design, epochs)

    def fits(self, designs: Iterable[tuple[Design, int]]) -> dict[str, Mapping[str, LayerFit]]:
        """By id, the layers by name of designs that were trained for so many epochs.

        Their states are in the folder then; tuned.csv, which several processes may have written at once, is written
        again.

        Raises:
            ReportError: the folder cannot be written.
        """
        found: dict[str, Mapping[str, LayerFit]] = {
            design.id: _layer_fits(self._facts(design, epochs)) for design, epochs in designs
        }
        write_tuned_table(self.folder)
        return found

    def _facts(self, design: Design, epochs: int) -> dict[str, Any]:
        """What tuned/ID.json holds of a design that is trained so; it is trained where it was not."""
        recipe = tuning_recipe(self.config.recipe, epochs)
        return tune_design(self.folder, design.id, design, self.workload, self.evaluator, recipe, progress=False)

    def maker(self, epochs: int) -> Maker:
        """What a process of a pool trains with."""
        return partial(_make_job, self.config, self.folder, epochs)

    def signature(self, epochs: int) -> dict[str, Any]:
        """How designs are trained."""
        return {"recipe": asdict(tuning_recipe(self.config.recipe, epochs))}


def _layer_fits(facts: Mapping[str, Any]) -> dict[str, LayerFit]:
    """The layers that tuned/ID.json describes, by name."""
    return {
        name: LayerFit(layer["distortion"], LayerUsage(**layer["usage"]), layer.get("fit", TRAINED))
        for name, layer in facts["layers"].items()
    }


def _make_job(config: SearchConfig, folder: Path, epochs: int) -> Job:
    """In a process of a pool: what trains designs there."""
    import warnings

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    trainer = make_trainer(prepare(config, fit_workers=1, proposes=False), folder)
    return Job(partial(trainer.figures, epochs=epochs), {**trainer.search, **trainer.signature(epochs)})
