"""What-if: the front of the designs that a search has measured, under other budgets; nothing is measured again."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from costmodels import Device
from reports.best_front import GAP_TABLES
from reports.best_front_text import gap_sentence
from reports.columns import INTEGER, TUNED_COLUMNS, column
from reports.front import losses, non_dominated
from reports.run_record import RunRecord
from reports.trained_designs import deployable
from searches.constraints import Budget

__all__ = ["room_for_search", "run_within"]


def run_within(run: RunRecord, budgets: Sequence[Budget], device: Device | None) -> RunRecord:
    """The run as its search would have reported the same designs under other budgets.

    Only what was measured is looked at: a search under these budgets may find better designs. What was computed for
    the budgets of the search, the distance to the best possible and fine-tuned designs, is left out.

    Args:
        run: the run.
        budgets: in the place of its own; each limits a column that its designs have.
        device: that the budgets are of; None where they are of none.
    """
    trials = _judged(run.trials, budgets)
    trained = _judged(run.trained, budgets) if len(run.trained) else run.trained
    front = _front(run, deployable(trials, trained, run.info.objectives))
    is_measured = trials["state"] == "measured"
    counts = run.info.counts.model_copy(update={"feasible": int((is_measured & trials["feasible"]).sum())})
    info = run.info.model_copy(
        update={"budgets": tuple(budgets), "device": device, "counts": counts, "gap": None, "hypervolume": None}
    )
    kept = set(front["design"])
    return replace(
        run,
        info=info,
        trials=trials,
        trained=trained,
        front=front,
        layers=run.layers[run.layers["design"].isin(kept)],
        baselines=_judged(run.baselines, budgets),
        designs={name: content for name, content in run.designs.items() if name in kept},
        exact=pd.DataFrame(columns=list(GAP_TABLES["exact"])),
        gaps=pd.DataFrame(columns=list(GAP_TABLES["gaps"])),
        tuned=pd.DataFrame(columns=list(TUNED_COLUMNS)),
    )


def room_for_search(run: RunRecord, found: RunRecord) -> str:
    """How far the designs at hand may be from those of a new search, as far as the run has proven it.

    Under budgets that are all as tight as its own or tighter, no design is better than the best of the run's space.

    Args:
        run: the run.
        found: the same under other budgets, from `run_within`.
    """
    said = "A search under these budgets may find better designs."
    pairs = run.info.gap.pairs if run.info.gap else ()
    limits = {budget.column: budget.limit for budget in found.info.budgets}
    if not all(limits.get(budget.column, np.inf) <= budget.limit for budget in run.info.budgets):
        return f"{said} How much better is not known: what the run has proven is of its own budgets." if pairs else said
    more = [gap_sentence(replace(run, front=found.front), pair) for pair in pairs]
    return " ".join([said, *filter(None, more)])


def _judged(table: pd.DataFrame, budgets: Sequence[Budget]) -> pd.DataFrame:
    """The table with what each row breaks of these budgets; a figure that is not known breaks its budget."""
    over = {
        budget.name: ~(table[budget.column].to_numpy(dtype=float, na_value=np.nan) <= budget.limit)
        for budget in budgets
    }
    is_known = table["storage_bytes"].notna().to_numpy(dtype=bool)
    names = [
        ";".join(name for name, broken in over.items() if broken[row]) if is_known[row] else ""
        for row in range(len(table))
    ]
    feasible = is_known & np.array([not name for name in names], dtype=bool)
    return table.assign(feasible=feasible, violated=names)


def _front(run: RunRecord, measured: pd.DataFrame) -> pd.DataFrame:
    """The measured designs that fit and that none dominates, in the order of the first objective."""
    fitting = measured[measured["feasible"].astype(bool)] if len(measured) else measured
    objectives = run.info.objectives
    chosen = fitting[non_dominated(losses(fitting, objectives), distinct=True)] if len(fitting) else fitting
    first = objectives[0]
    chosen = chosen.sort_values([first.column, "design"], ascending=[first.direction == "minimize", True])
    front = chosen[[name for name in run.front.columns if name in chosen.columns]].reset_index(drop=True)
    whole = [name for name in front.columns if column(str(name)).kind == INTEGER]
    front = front.astype(dict.fromkeys(whole, "int64"))
    is_trained = front["epochs"].notna().to_numpy() if "epochs" in front else np.zeros(len(front), dtype=bool)
    for name in run.held_out:  # measured for the designs of the search's own front, and for those that were trained
        known = front["design"].map(run.front.set_index("design")[name]).astype(float)
        front = front.assign(**{name: np.where(is_trained, front[name].astype(float), known)})
    return front
