"""A fine-tuned design: what it brought, as it shows itself in Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.config.given import Given

if TYPE_CHECKING:
    import pandas as pd

    from explorer.data import Metric
    from explorer.training.tuning_recipe import TuningRecipe

__all__ = ["TunedDesign", "tune"]

_SHOWN = ("accuracy", "test_accuracy", "metric", "test_metric", "agreement", "test_agreement", "storage_bytes")


@dataclass(frozen=True, eq=False, repr=False)
class TunedDesign:
    """A design before and after fine-tuning.

    Args:
        design: its id.
        folder: of the run, where its state lies.
        facts: what ``tuned/ID.json`` holds.
    """

    design: str
    folder: Path
    facts: Mapping[str, Any]

    @property
    def before(self) -> dict[str, Any]:
        """Its figures as it was fitted."""
        return dict(self.facts["before"])

    @property
    def after(self) -> dict[str, Any]:
        """Its figures after fine-tuning."""
        return dict(self.facts["after"])

    @property
    def state(self) -> Path:
        """The file with its state, which an export reads."""
        return self.folder / "tuned" / f"{self.design}.safetensors"

    @property
    def curve(self) -> "pd.DataFrame":
        """One row for each epoch."""
        import pandas as pd

        return pd.DataFrame(self.facts["curve"])

    def to_frame(self) -> "pd.DataFrame":
        """One row for each figure, with its values before and after."""
        import pandas as pd

        rows = [{"figure": name, "before": value, "after": self.after[name]} for name, value in self.before.items()]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        from reports.text import format_cell, in_words
        from reports.tuned_designs import COMPARED

        before, after = self.before, self.after
        moved = ", ".join(
            f"{in_words(name)} {format_cell(before[name], name)} -> {format_cell(after[name], name)}"
            for name in _SHOWN
            if before.get(name) is not None and not (name in COMPARED and before["accuracy"] is not None)
        )
        return f"<Fine-tuned {self.design}: {moved}; best after {self.facts['best_epoch']} of {self.facts['epochs']}>"

    def _repr_html_(self) -> str:
        import pandas as pd

        from reports.notebook import notebook_table
        from reports.tuned_designs import tuned_columns

        row = {f"{name}_before": value for name, value in self.before.items()} | self.after | dict(self.facts)
        table = pd.DataFrame([{name: value for name, value in row.items() if not isinstance(value, (dict, list))}])
        columns = [about for about in tuned_columns(table) if about.name != "design"]
        return notebook_table(repr(self).strip("<>"), columns, [row])


def tune(
    folder: Path, design: str, recipe: "TuningRecipe", given: Given, metric: "Metric | None" = None
) -> tuple[TunedDesign, Path]:
    """Fine-tunes a design of a run folder; also the page, drawn again.

    Args:
        folder: of the run.
        design: of its front.
        recipe: how it is trained.
        given: objects in the place of names.
        metric: by which the epoch that is kept is chosen, where there is one.

    Raises:
        FilterfrontError: as `explorer.finetuning.tune_design.tune_design`.
    """
    from explorer.finetuning.tune_design import tune_design
    from explorer.runs.reopen import reopen
    from reports.render import render

    opened = reopen(folder, design, given, metric)
    facts = tune_design(folder, design, opened.design(design), opened.workload, opened.evaluator, recipe)
    return TunedDesign(design, folder, facts), render(folder)
