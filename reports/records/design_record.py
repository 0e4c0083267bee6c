"""DesignRecord: what designs/ID.json holds, all that is needed to cost, fit and run the design again."""

from typing import Annotated, Any

from pydantic import Field, PlainSerializer

from costmodels.network import NetworkSpec
from reports.records.record import FileRecord, Number, Record

__all__ = ["DesignRecord", "LayerRecord"]


class LayerRecord(Record):
    """A layer of a design.

    Args:
        scheme: in text, with all parameters.
        execution: the one that its cost is of.
        usage: what the fitted layer uses of what it could use, by count.
        distortion: relative squared error of its weights.
        fit: whether it was fitted to its weights alone, ``data-free``, in the metric of its inputs, ``data-aware``, in
            that of what the layers before it leave, ``sequential``, or ``trained`` in its compressed form.
    """

    scheme: str
    execution: str
    usage: dict[str, int]
    distortion: float
    fit: str = "data-free"


class DesignRecord(FileRecord):
    """A design of the front.

    Args:
        schema_version: the number of this form, ``schema`` in the file.
        design: its id.
        network: the description of the network.
        weights_digest: SHA-256 of the float weights.
        activation_bits: of its activations.
        sram_limit_bytes: the limit under which executions were chosen; None for none.
        fit_seed: of the fits.
        activation_ranges: least and greatest value of each tensor that is rounded, by its name.
        batch_statistics: the values of re-estimated buffers, by name; none where the network keeps its own.
        biases: corrected for the mean error of the weights, by the parameter's name; none where the network keeps its
            own.
        layers: by name.
        figures: of the design as it was measured, by column.
    """

    design: str
    network: Annotated[NetworkSpec, PlainSerializer(NetworkSpec.to_json)]
    weights_digest: str
    activation_bits: int
    sram_limit_bytes: int | None
    fit_seed: int
    activation_ranges: dict[str, tuple[float, float]]
    batch_statistics: dict[str, Any]
    biases: dict[str, list[float]] = Field(default_factory=dict)
    layers: dict[str, LayerRecord]
    figures: dict[str, Number | str | None]
