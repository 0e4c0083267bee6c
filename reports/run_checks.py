"""What holds of a run before it is written and after it is read: its parts fit together."""

from reports.best_front import GAP_TABLES, pair_name
from reports.columns import LABEL_COLUMNS, TABLES, TRAINED_COLUMNS, TUNED_COLUMNS
from reports.errors import ReportError
from reports.front import losses, non_dominated
from reports.run_record import RunRecord

__all__ = ["check_run"]

_AGAIN = "run the search again"


def check_run(run: RunRecord) -> None:
    """Refuses a run whose parts do not fit together.

    Raises:
        ReportError: facts or columns are missing, a front row breaks a budget or is dominated, or a front design has no
            layers or no design file. All faults of one kind are named at once.
    """
    needed = [objective.column for objective in run.info.objectives] + [budget.column for budget in run.info.budgets]
    missing = [
        f"{name}.csv: {column}"
        for name, columns in TABLES.items()
        for column in dict.fromkeys((*columns, *(needed if name != "layers" else ())))
        if column not in getattr(run, name).columns and (run.has_labels or column not in LABEL_COLUMNS)
    ]
    if missing:
        raise ReportError("the tables of a run have all their columns", "missing " + ", ".join(missing), _AGAIN)
    _check_front(run)
    _check_gap(run)
    lost = [name for name in TUNED_COLUMNS if name not in run.tuned.columns]
    if lost:
        raise ReportError("tuned.csv has all its columns", "missing " + ", ".join(lost), "fine-tune a design again")
    needed = [name for name in TRAINED_COLUMNS if run.has_labels or name not in LABEL_COLUMNS]
    lost = [name for name in needed if name not in run.trained.columns]
    if lost:
        raise ReportError("trained.csv has all its columns", "missing " + ", ".join(lost), _AGAIN)
    designs = set(run.front["design"])
    for what, have in (("layers.csv", set(run.layers["design"])), ("designs/", set(run.designs))):
        if designs - have:
            raise ReportError(f"{what} covers every front design", f"missing {_names(designs - have)}", _AGAIN)


def _check_front(run: RunRecord) -> None:
    front, objectives = run.front, run.info.objectives
    repeated = front["design"][front["design"].duplicated()]
    if len(repeated):
        raise ReportError("a front names each design once", _names(set(repeated)), _AGAIN)
    for budget in run.info.budgets:
        over = front["design"][~(front[budget.column] <= budget.limit)]
        if len(over):
            raise ReportError(f"every front design keeps the {budget.name} budget", _names(set(over)), _AGAIN)
    dominated = front["design"][~non_dominated(losses(front, objectives))]
    if len(dominated):
        raise ReportError("no front design dominates another, and all are finite", _names(set(dominated)), _AGAIN)


def _check_gap(run: RunRecord) -> None:
    """Every pair has its tables, and no design is beyond what is the best possible."""
    missing = [
        f"{name}.csv: {column}"
        for name, columns in GAP_TABLES.items()
        for column in columns
        if column not in getattr(run, name).columns
    ]
    pairs = run.info.gap.pairs if run.info.gap else ()
    wanted = {pair_name(pair.first, pair.second) for pair in pairs}
    missing += [f"exact.csv: {name}" for name in sorted(wanted - set(run.exact.get("pair", ())))]
    if missing:
        raise ReportError("a gap has its tables", "missing " + ", ".join(missing), _AGAIN)
    beyond = (run.gaps["first"] < run.gaps["least_first"]) | (run.gaps["second"] < run.gaps["least_second"])
    if beyond.any():
        raise ReportError("no design is beyond the best front", _names(set(run.gaps["design"][beyond])), _AGAIN)


def _names(names: set[str]) -> str:
    return ", ".join(sorted(map(str, names)))
