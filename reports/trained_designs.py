"""The designs of a search that works on them, each as it would be deployed: trained or fitted in sequence where it was,
else as its layers were fitted alone."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from reports.front import Direction, losses, non_dominated
from reports.run_record import RunRecord
from searches.figures import QUALITY_FIGURES

__all__ = ["deployable", "fitted_front"]


def fitted_front(run: RunRecord) -> pd.DataFrame:
    """The front of the designs as fitted, where the run's own is of trained ones; empty elsewhere."""
    fitting = run.trials[(run.trials["state"] == "measured") & run.trials["feasible"].astype(bool)]
    if run.trained.empty or fitting.empty:
        return fitting.iloc[:0]
    return fitting[non_dominated(losses(fitting, run.info.objectives), distinct=True)]


def deployable(trials: pd.DataFrame, trained: pd.DataFrame, objectives: Sequence[Direction]) -> pd.DataFrame:
    """The measured designs, each once, with the figures of its best training.

    Args:
        trials: as fitted, one row for every trial.
        trained: one row for every training of a design, with the same columns and ``epochs``, in any order; empty where
            nothing was trained.
        objectives: of the search; the best is by the one that training changes, of equal ones the longest training.

    Returns:
        Rows with the columns of ``trials``, in their order; where designs were trained also ``epochs``, 0 for those
        fitted in sequence and NaN for those as fitted.
    """
    fitted = trials[trials["state"] == "measured"] if len(trials) else trials
    done = trained[trained["state"] == "measured"] if len(trained) else trained
    if done.empty:
        return fitted
    columns = [*(name for name in fitted.columns if name != "epochs"), "epochs"]
    quality = [goal for goal in objectives if goal.column in QUALITY_FIGURES]
    order = np.lexsort((-done["epochs"].to_numpy(), losses(done, quality)[:, 0]))
    best = done.iloc[order].drop_duplicates("design").set_index("design", drop=False).reindex(columns=columns)
    others = fitted[~fitted["design"].isin(best.index)].assign(epochs=np.nan)
    rows = {row["design"]: row for row in [*others.to_dict("records"), *best.to_dict("records")]}
    ordered = [rows[design] for design in fitted["design"] if design in rows]
    return pd.DataFrame(ordered, columns=columns)
