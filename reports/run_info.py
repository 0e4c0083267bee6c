"""RunInfo: the facts of run.json, checked. Sizes in bytes, times in seconds, accuracies as shares of 1."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reports.errors import ReportError

__all__ = ["Budget", "EpsilonGap", "Gap", "Objective", "PairGap", "RunInfo", "SingleGap", "parse_info"]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class Objective(_Fact):
    """What was searched for: the column of its values, its direction and its unit."""

    name: str
    column: str
    direction: Literal["minimize", "maximize"]
    unit: str = ""


class Budget(_Fact):
    """What a design may use at most: values of ``column`` up to ``limit``."""

    name: str
    column: str
    limit: float = Field(gt=0)
    unit: str = "bytes"
    origin: str = ""


class Convention(_Fact):
    """A counting convention."""

    key: str
    statement: str


class Reference(_Fact):
    """A cited work."""

    key: str
    authors: str
    title: str
    venue: str = ""
    year: int | str = ""
    url: str = ""


class UnknownOperation(_Fact):
    """An operation of the network whose cost is not in the totals."""

    name: str
    kind: str
    reason: str = ""


class Network(_Fact):
    """The network that was compressed."""

    name: str
    digest: str
    layers: int
    weights: int
    dense_macs: int
    weights_origin: str
    unknown_operations: tuple[UnknownOperation, ...] = ()
    kept_dense: tuple[str, ...] = ()


class Data(_Fact):
    """The data that accuracy was measured on: images in each part.

    Designs were measured on ``validation`` images of the ``validation_available`` ones (0: not stated), with batch
    statistics computed anew on ``batch_statistics_images`` of the training part (0: with the float network's own).
    """

    name: str
    origin: str
    train: int
    validation: int
    test: int
    validation_available: int = 0
    batch_statistics_images: int = 0


class Counts(_Fact):
    """Trials by what became of them."""

    trials: int
    measured: int
    repeated: int
    feasible: int
    failed: int


class FloatNetwork(_Fact):
    """The uncompressed network; ``None`` where it is not known."""

    accuracy: float | None = None
    loss: float | None = None
    test_accuracy: float | None = None
    storage_bytes: int | None = None


class Hypervolume(_Fact):
    """Hypervolume of the front in its first two objectives, in the product of their units, and its reference point."""

    value: float
    reference: dict[str, float]


class PairGap(_Fact):
    """What was found of two figures beside the best possible; hypervolumes in the product of the figures' units.

    Args:
        first, second: columns, both to be small.
        stands_for: the objective in whose place ``second`` is, or "".
        origin: ``proven``: the best front is complete and reached; ``bounded``: it is a bound, without the budgets in
            ``left_out``.
        points: of the best front.
        found, best, ratio: hypervolumes against ``reference``, and found over best.
    """

    first: str
    second: str
    stands_for: str
    origin: Literal["proven", "bounded"]
    left_out: tuple[str, ...]
    points: int
    reference: dict[str, float]
    found: float
    best: float
    ratio: float | None


class EpsilonGap(_Fact):
    """Three or more figures: each design of the space has a found one at most ``most`` times as large in all of them.

    Args:
        columns: the figures.
        eps: asked for.
        designs: computed within the factor 1 + eps of all others.
        least: no smaller factor covers these designs; None where no factor does.
        most: least times 1 + eps.
    """

    columns: tuple[str, ...]
    eps: float
    designs: int
    least: float | None
    most: float | None
    left_out: tuple[str, ...]


class SingleGap(_Fact):
    """One figure: the least found, and what no design of the space is below; ``proven`` where a design reaches it."""

    column: str
    found: float
    bound: float
    origin: Literal["proven", "bounded"]
    left_out: tuple[str, ...]


class Gap(_Fact):
    """The distance to the best possible; ``reason`` says why there is none. ``skipped``: objectives of which nothing is
    known."""

    reason: str = ""
    skipped: tuple[str, ...] = ()
    candidates: int = 0
    pairs: tuple[PairGap, ...] = ()
    near: EpsilonGap | None = None
    single: SingleGap | None = None


class Latency(_Fact):
    """Where the designs' times come from, and the kinds of operations whose time is not in them."""

    origin: str
    left_out: tuple[str, ...] = ()


class RunInfo(_Fact):
    """Everything of run.json that the reports read; further keys are kept.

    ``activation_widths`` are those that designs choose from; the float network and uniform quantization, which choose
    none, have ``activation_bits``.
    """

    filterfront: str
    created: str
    command: str
    configuration: dict[str, Any]
    versions: dict[str, str]
    seed: int | None
    conventions: tuple[Convention, ...]
    references: tuple[Reference, ...]
    network: Network
    data: Data | None
    device: dict[str, Any] | None
    activation_bits: int
    activation_widths: tuple[int, ...] = ()
    objectives: tuple[Objective, ...] = Field(min_length=1)
    budgets: tuple[Budget, ...]
    counts: Counts
    seconds: dict[str, float]
    float_network: FloatNetwork = Field(alias="float")
    status: Literal["done", "interrupted"]
    hypervolume: Hypervolume | None = None
    gap: Gap | None = None
    latency: Latency | None = None


def parse_info(info: dict[str, Any], source: str = "run.json") -> RunInfo:
    """The facts of ``info``, checked.

    Raises:
        ReportError: keys are missing or of the wrong kind; all of them are named.
    """
    try:
        return RunInfo.model_validate(info)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'run'} ({fault['msg'].lower()})" for fault in error.errors()]
        raise ReportError(f"{source} holds the facts of a run", "; ".join(faults), "run the search again") from None
