"""Several runs of one network side by side: what each found within its budgets, at a common reference point."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from reports.columns import INTEGER, OWN, REAL, TEXT, Column, column
from reports.errors import ReportError
from reports.front import front_hypervolume, losses
from reports.named_figure import find_figure, known_figures
from reports.records import Objective
from reports.reference_point import reference_value
from reports.run_record import RunRecord
from reports.text import format_limit
from searches.figures import QUALITY_FIGURES

__all__ = ["Comparison", "compare_runs"]


_COUNTS = {"measured": "Measured", "that_fit": "Fit", "on_front": "On the front"}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs that can be compared.

    Args:
        runs: by name, in the order in which they are shown.
        size: the figure across: what a design costs.
        quality: the figure up: how good it is.
        reference: column -> the value that both hypervolumes are measured from.
        notes: what differs between the runs and does not keep them from being compared.
    """

    runs: Mapping[str, RunRecord]
    size: Objective
    quality: Objective
    reference: Mapping[str, float]
    notes: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """One row for each run.

        ``hypervolume_share`` is the share of the hypervolume of all runs' designs together. The smallest design at no
        loss is the one of least storage whose accuracy is at least the float network's.
        """
        figures = self.size, self.quality
        bounds = [self.reference[item.column] for item in figures]
        together = front_hypervolume(pd.concat([_fitting(run) for run in self.runs.values()]), figures, bounds)
        rows = []
        for name, run in self.runs.items():
            volume = front_hypervolume(_fitting(run), figures, bounds)
            # All designs together have no less than those of one run; the last bits of the two sums may say otherwise.
            share = min(1.0, volume / together) if together else float("nan")
            rows.append({**_facts(name, run), **self._best(run), "hypervolume": volume, "hypervolume_share": share})
        return pd.DataFrame(rows)

    def columns(self) -> tuple[Column, ...]:
        """What is known of the columns of `table`."""
        known = [column(name) for name in ("device", "design", "status", "storage_bytes")]
        device, design, status, storage = (replace(item, kind=TEXT) if item.kind == OWN else item for item in known)
        best = column(self.quality.column)
        return (
            replace(design, name="run", title="Run"),
            replace(design, name="network", title="Network"),
            device,
            replace(design, name="budgets", title="Budgets"),
            replace(design, name="activation_bits", title="Activation bits"),
            status,
            *(Column(f"designs_{name}", INTEGER, title) for name, title in _COUNTS.items()),
            replace(best, name=f"best_{best.name}", title=f"Best {best.title.lower()}"),
            replace(design, name="best_design", title="Best design"),
            replace(storage, name="best_storage_bytes", title="Its storage"),
            replace(design, name="no_loss_design", title="Smallest at no loss"),
            replace(storage, name="no_loss_storage_bytes", title="Its storage"),
            Column("hypervolume", REAL, "Hypervolume"),
            Column("hypervolume_share", REAL, "Share of all", "share"),
        )

    def _best(self, run: RunRecord) -> dict[str, Any]:
        """The best design of a run, and the smallest that loses nothing against the float network."""
        name, fitting = self.quality.column, _fitting(run).sort_values(["storage_bytes", "design"])
        order = np.argsort(np.nan_to_num(losses(fitting, [self.quality])[:, 0], nan=np.inf), kind="stable")
        best = fitting.iloc[order[0]] if len(fitting) else None
        whole = run.info.float_network.as_designs("accuracy")
        equal = fitting[fitting["accuracy"] >= whole] if whole is not None else fitting.iloc[:0]
        small = equal.iloc[0] if len(equal) else None
        return {
            f"best_{name}": float("nan") if best is None else best[name],
            "best_design": "" if best is None else best["design"],
            "best_storage_bytes": None if best is None else best["storage_bytes"],
            "no_loss_design": "" if small is None else small["design"],
            "no_loss_storage_bytes": None if small is None else small["storage_bytes"],
        }


def compare_runs(runs: Mapping[str, RunRecord]) -> Comparison:
    """Puts runs side by side.

    The figures compared are a quality that all runs measured, their own objective where they share one, and a size.

    Args:
        runs: two or more by name, of the same network and data.

    Raises:
        ReportError: fewer than two, or the runs are of different networks or data; all that differs is named.
    """
    if len(runs) < 2:
        raise ReportError("two runs or more are compared", len(runs), "give several")
    _refuse_others(runs)
    quality, size = _figures(list(runs.values()))
    reference = {}
    for figure in (size, quality):
        values = [value for run in runs.values() for value in run.trials[figure.column]]
        whole = next(iter(runs.values())).info.float_network.storage_bytes
        reference[figure.column] = reference_value(figure.column, figure.direction, values, whole)
    return Comparison(dict(runs), size, quality, reference, _notes(runs))


def _refuse_others(runs: Mapping[str, RunRecord]) -> None:
    faults = []
    for what, described in (("networks", _network_of), ("data", _data_of)):
        names = {name: described(run) for name, run in runs.items()}
        if len(set(names.values())) > 1:
            faults.append(f"{what} differ: " + ", ".join(f"{name} of {known}" for name, known in names.items()))
    if faults:
        raise ReportError("runs of the same network and data are compared", "; ".join(faults), "compare these apart")


def _network_of(run: RunRecord) -> str:
    return f"{run.info.network.name} (digest {run.info.network.digest[:12]})"


def _data_of(run: RunRecord) -> str:
    data = run.info.data
    return f"{data.name} (digest {str(data.digest)[:12]})" if data else "no data"


def _figures(runs: Sequence[RunRecord]) -> tuple[Objective, Objective]:
    """(quality, size) to compare: objectives of the first run that all have; else accuracy, agreement or distortion,
    and flash."""
    known = set.intersection(*(set(known_figures(run)) for run in runs))
    own = [goal.column for goal in runs[0].info.objectives if goal.column in known]
    others = [next(name for name in ("accuracy", "agreement", "distortion") if name in known), "flash_bytes"]
    quality = next(name for name in (*own, *others) if name in QUALITY_FIGURES)
    size = next(name for name in (*own, *others) if name not in QUALITY_FIGURES)
    return find_figure(runs[0], quality), find_figure(runs[0], size)


def _fitting(run: RunRecord) -> pd.DataFrame:
    """The measured designs that keep every budget of their run."""
    return run.trials[(run.trials["state"] == "measured") & run.trials["feasible"].astype(bool)]


def _facts(name: str, run: RunRecord) -> dict[str, Any]:
    facts = run.info
    return {
        "run": name,
        "network": facts.network.name,
        "device": facts.device.name if facts.device else "",
        "budgets": "; ".join(f"{budget.name} {format_limit(budget)}" for budget in facts.budgets),
        "activation_bits": ",".join(map(str, facts.activation_widths or (facts.activation_bits,))),
        "status": facts.status,
        "designs_measured": facts.counts.measured,
        "designs_that_fit": facts.counts.feasible,
        "designs_on_front": len(run.front),
    }


def _notes(runs: Mapping[str, RunRecord]) -> tuple[str, ...]:
    notes = []
    if len({run.info.network.weights_digest for run in runs.values()}) > 1:
        notes.append("The runs started from different weights of the network.")
    images = {run.info.data.batch_statistics_images if run.info.data else 0 for run in runs.values()}
    if len(images) > 1:
        notes.append("Batch statistics were re-estimated for the designs of some runs and not of others.")
    if len({run.info.activation_widths or run.info.activation_bits for run in runs.values()}) > 1:
        notes.append("The runs rounded activations to different widths.")
    return tuple(notes)
