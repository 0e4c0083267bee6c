"""The parts of run.json. Sizes in bytes, times in seconds, accuracies as shares of 1."""

from typing import Literal

from pydantic import Field

from reports.records.record import Number, Record

__all__ = [
    "Counts",
    "Data",
    "FloatNetwork",
    "Hypervolume",
    "Latency",
    "Network",
    "Objective",
    "Space",
    "Training",
    "TrainingEpoch",
    "UnknownOperation",
]


class Objective(Record):
    """What was searched for.

    Args:
        name: as on the command line.
        column: of its values.
        direction: ``minimize`` or ``maximize``.
        unit: of the values.
    """

    name: str
    column: str
    direction: Literal["minimize", "maximize"]
    unit: str = ""


class UnknownOperation(Record):
    """An operation of the network whose cost is not in the totals.

    Args:
        name: of the step.
        kind: of operation.
        reason: what is unknown of it.
    """

    name: str
    kind: str
    reason: str = ""


class Network(Record):
    """The network that was compressed.

    Args:
        name: as it was asked for.
        digest: SHA-256 of its description.
        layers: how many have a compressed form.
        weights: of all layers, without biases.
        dense_macs: multiply-accumulates of one uncompressed inference.
        weights_origin: where the weights come from, in words.
        weights_digest: SHA-256 of the weights; "" where it was not recorded.
        unknown_operations: those whose cost is not in the totals.
        kept_dense: layers that stayed dense at 32 bits.
        notes: on how the network was read.
    """

    name: str
    digest: str
    layers: int
    weights: int
    dense_macs: int
    weights_origin: str
    weights_digest: str = ""
    unknown_operations: tuple[UnknownOperation, ...] = ()
    kept_dense: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Data(Record):
    """The data that designs were measured on.

    Args:
        name: of the data.
        origin: where they come from, in words.
        digest: SHA-256 of all parts; "" where it was not recorded.
        train: images of the training part.
        validation: images that designs were measured on.
        test: images of the test part; 0 for none.
        validation_available: images of the whole validation part; 0 where it was not recorded.
        batch_statistics_images: training images on which batch statistics were re-estimated; 0 where designs keep the
            float network's own.
        notes: what a reader must know of the data.
        calibration_images: training images that layers were fitted to; 0 where they were fitted to their weights alone.
        labels: whether they have any.
    """

    name: str
    origin: str
    digest: str = ""
    train: int
    validation: int
    test: int
    validation_available: int = 0
    batch_statistics_images: int = 0
    notes: tuple[str, ...] = ()
    calibration_images: int = 0
    labels: bool = True


class Space(Record):
    """The design space.

    Args:
        designs: how many there are, in text: they may be more than a float holds.
        parameters: of the search.
    """

    designs: str
    parameters: int


class Counts(Record):
    """Trials by what became of them."""

    trials: int
    measured: int
    repeated: int
    failed: int
    feasible: int


class Latency(Record):
    """Where the designs' times come from.

    Args:
        origin: in words.
        machine: facts of the machine whose kernels were calibrated; None where the times are estimates of a device.
        left_out: kinds of operations whose time is not in them.
        watts: what the device draws meanwhile; None where it is not known.
    """

    origin: str
    machine: dict[str, str] | None = None
    left_out: tuple[str, ...] = ()
    watts: float | None = None


class TrainingEpoch(Record):
    """One epoch: mean training loss in nats, and accuracy on the validation part."""

    loss: float
    validation_accuracy: float


class Training(Record):
    """The training of the float network, where the search trained it.

    Args:
        seconds: of all epochs.
        from_cache: whether it was trained before and read.
        epochs: that the recipe asks for.
        validation_accuracy: at the end.
        test_accuracy: likewise; None without a test part.
        device: ``cpu`` or ``cuda``.
        curve: epoch by epoch.
    """

    seconds: float
    from_cache: bool
    epochs: int
    validation_accuracy: float
    test_accuracy: float | None
    device: str
    curve: tuple[TrainingEpoch, ...]


class FloatNetwork(Record):
    """The uncompressed network; None where it is not known, or not a finite number.

    Args:
        storage_bytes: of its weights.
        accuracy: with its own batch statistics.
        loss: likewise.
        test_accuracy: likewise.
        agreement: of its answers, activations rounded as designs have them, with those of floats.
        test_agreement: likewise.
        divergence: likewise.
        metric: of the user's own, of its outputs.
        test_metric: likewise.
        reestimated: the same figures, by column, with batch statistics re-estimated as they are for designs; none where
            designs keep the network's own.
    """

    storage_bytes: int | None = None
    accuracy: float | None = None
    loss: float | None = None
    test_accuracy: float | None = None
    agreement: float | None = None
    test_agreement: float | None = None
    divergence: float | None = None
    metric: float | None = None
    test_metric: float | None = None
    reestimated: dict[str, float] = Field(default_factory=dict)

    def as_designs(self, column: str) -> float | None:
        """A figure measured as those of designs are, so that both can be compared; None where it is not known."""
        own: float | None = getattr(self, column, None)
        return self.reestimated.get(column, own)


class Hypervolume(Record):
    """Hypervolume of the front in its first two objectives, in the product of their units, and its reference point."""

    value: float
    reference: dict[str, Number]
