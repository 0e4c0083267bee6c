"""The columns of a run's tables: what each holds, in which unit, and whether it is counted or measured."""

from dataclasses import dataclass, replace

from costmodels.schemes import COMPONENTS
from searches.figures import AGREEMENT, COST_FIGURES, COUNTED, DISTORTION, DIVERGENCE, FIGURES, MEASURED, METRIC

__all__ = [
    "BASELINE_COLUMNS",
    "FRONT_COLUMNS",
    "LABEL_COLUMNS",
    "LAYER_COLUMNS",
    "OWN_STATISTICS",
    "TABLES",
    "TRAINED_COLUMNS",
    "TRIAL_COLUMNS",
    "TUNED_COLUMNS",
    "TUNED_FIGURES",
    "TUNED_MORE",
    "Column",
    "column",
    "is_taken",
]

TEXT, INTEGER, REAL, FLAG, OWN = "text", "integer", "number", "flag", "own"
PROVEN, BOUNDED = "proven", "bounded"

OWN_STATISTICS = "accuracy_own_statistics"
"""A baseline's accuracy with the batch statistics of the float network, where designs have theirs re-estimated."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: as in the file.
        title: for people.
        kind: ``text``, ``integer``, ``number``, ``flag``, or ``own``: numbers or text that only this run has.
        unit: ``bytes``, ``bits``, ``share``, ``ratio``, ``count``, ``seconds``, ``ms``, ``dB`` or "".
        origin: ``counted`` (exact, from the formulas), ``measured`` (on the fitted weights or the data), ``estimated``
            (from a model of this machine's kernels or of the device; a run says of which), ``proven`` (no design of the
            space is better), ``bounded`` (one that is better is at most so much better) or "" for names.
    """

    name: str
    kind: str
    title: str
    unit: str = ""
    origin: str = ""


_ALL = {
    item.name: item
    for item in (
        Column("design", TEXT, "Design"),
        Column("trial", INTEGER, "Trial"),
        Column("state", TEXT, "State"),
        Column("name", TEXT, "Baseline"),
        Column("weight_bits", INTEGER, "Weight bits", "bits"),
        Column("feasible", FLAG, "Fits"),
        Column("violated", TEXT, "Breaks"),
        Column("reason", TEXT, "Reason"),
        Column("seconds", REAL, "Time", "seconds", MEASURED),
        *(
            Column(item.name, INTEGER if item.is_whole else REAL, item.title, item.quantity, item.origin)
            for item in FIGURES.values()
        ),
        Column(OWN_STATISTICS, REAL, "Accuracy, float statistics", "share", MEASURED),
        Column("activation_bits", INTEGER, "Activations", "bits", COUNTED),
        Column("main_method", TEXT, "Main method"),
        Column("methods", TEXT, "Methods"),
        Column("layer", TEXT, "Layer"),
        Column("method", TEXT, "Method"),
        Column("scheme", TEXT, "Scheme"),
        Column("shape", TEXT, "Shape"),
        Column("weights", INTEGER, "Weights", "count", COUNTED),
        Column("storage_bits", INTEGER, "Storage", "bits", COUNTED),
        *(Column(f"bits_{part}", INTEGER, part.capitalize(), "bits", COUNTED) for part in COMPONENTS),
        Column("decoded", INTEGER, "Decoded weights", "count", COUNTED),
        Column("execution", TEXT, "Execution"),
        Column("scratch_bytes", INTEGER, "Scratch", "bytes", COUNTED),
        Column("sqnr_db", REAL, "SQNR", "dB", MEASURED),
        Column("fit", TEXT, "Fit"),
        Column("pair", TEXT, "Pair"),
    )
}

TUNED_FIGURES = (*COST_FIGURES, DISTORTION, "loss", "accuracy", "test_accuracy")
TUNED_MORE = (AGREEMENT, "test_agreement", DIVERGENCE, METRIC, "test_metric")
"""Figures of fine-tuned designs, and those that a table of an earlier version lacks."""

_ALL |= {
    f"{name}_before": replace(_ALL[name], name=f"{name}_before", title=f"{_ALL[name].title} before")
    for name in (*TUNED_FIGURES, *TUNED_MORE)
}
_ALL |= {
    item.name: item
    for item in (
        Column("epochs", INTEGER, "Epochs", "", MEASURED),
        Column("best_epoch", INTEGER, "Best epoch", "", MEASURED),
    )
}
TUNED_COLUMNS = (
    *("design", "main_method", "epochs", "best_epoch", "seconds"),
    *(name for figure in TUNED_FIGURES for name in (f"{figure}_before", figure)),
)
"""The table of fine-tuned designs, in a run that has any: each figure before and after."""

LABEL_COLUMNS = ("loss", "accuracy", "test_accuracy")
"""Columns that a run without labelled data does not have."""

_COSTS = tuple(name for name in COST_FIGURES if name != "traffic_bytes")
FRONT_COLUMNS = ("design", *_COSTS, DISTORTION, *LABEL_COLUMNS, "main_method", "methods")
TRIAL_COLUMNS = ("trial", "design", "state", "feasible", "violated", "seconds", *FRONT_COLUMNS[1:])
BASELINE_COLUMNS = ("name", "weight_bits", "feasible", "violated", *FRONT_COLUMNS)
LAYER_COLUMNS = (
    *("design", "layer", "method", "scheme", "shape", "weights", "storage_bits"),
    *(f"bits_{part}" for part in COMPONENTS),
    *("macs", "additions", "multiplications", "bit_ops", "execution", "scratch_bytes", "distortion", "sqnr_db"),
)

TRAINED_COLUMNS = ("trial", "design", "epochs", *TRIAL_COLUMNS[2:])
"""The table of trainings, in a run of trained designs: each with the figures after it, epochs at most."""

TABLES = {"trials": TRIAL_COLUMNS, "front": FRONT_COLUMNS, "layers": LAYER_COLUMNS, "baselines": BASELINE_COLUMNS}
"""The tables of a run and the columns each must have; more are allowed and kept."""


def is_taken(name: str) -> bool:
    """Whether a column of that name means something already."""
    return name in _ALL or name.endswith("_before")


def column(name: str) -> Column:
    """What is known of a column; one that only this run has is named by its own name, unit read from its ending."""
    if name in _ALL:
        return _ALL[name]
    units = {"_bytes": "bytes", "_bits": "bits", "_ms": "ms", "_uj": "uJ", "_seconds": "seconds"}
    unit = next((unit for ending, unit in units.items() if name.endswith(ending)), "")
    return Column(name, OWN, name.replace("_", " ").capitalize(), unit)
