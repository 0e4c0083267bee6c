"""The record of a design of the front: all that is needed to cost, fit and run it again."""

from collections.abc import Mapping

from explorer.measurement.layer_fits import LayerFit
from explorer.search.run import Outcome
from reports.records import DesignRecord, LayerRecord
from searches.study import TrialRecord

__all__ = ["describe_design"]


def describe_design(
    outcome: Outcome, trial: TrialRecord, trained: Mapping[str, LayerFit] | None = None
) -> DesignRecord:
    """The record of a measured design.

    Args:
        outcome: of its search.
        trial: the design, with the figures of its training where it was trained.
        trained: its layers after training; None where it is as fitted.
    """
    design, evaluator = trial.design, outcome.evaluator
    fits, meter = evaluator.fits(design) if trained is None else trained, evaluator.meter_of(design)
    ranges = meter.ranges.by_tensor if meter else {}
    return DesignRecord(
        design=trial.design_id,
        network=outcome.workload.traced.spec,
        weights_digest=outcome.workload.weights_digest,
        activation_bits=evaluator.bits_of(design),
        sram_limit_bytes=evaluator.sram_limit_bytes,
        fit_seed=outcome.config.seed,
        activation_ranges={name: (found.low, found.high) for name, found in ranges.items()},
        batch_statistics={name: tensor.tolist() for name, tensor in evaluator.statistics(design).items()},
        biases={name: tensor.tolist() for name, tensor in evaluator.biases(design).items()},
        layers={
            layer.name: LayerRecord(
                scheme=str(layer.scheme),
                execution=layer.execution,
                usage=fits[layer.name].usage.to_json(),
                distortion=fits[layer.name].distortion,
                fit=fits[layer.name].kind,
            )
            for layer in evaluator.cost(design, fits).layers
        },
        figures=dict(trial.figures),
    )
