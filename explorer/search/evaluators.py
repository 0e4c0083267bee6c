"""What measures the designs of a search, made in one place: for the search, its workers, and a run opened again."""

from collections.abc import Sequence

from costmodels.latency import LatencySource
from explorer.config.search import SearchConfig
from explorer.data import Metric
from explorer.forms.fit_cache import FitCache
from explorer.measurement.calibration import Calibration, calibrate
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.moment_cache import MomentCache
from explorer.measurement.noise_to_signal import NoiseToSignal, data_batches, random_batches
from explorer.measurement.own_objective import OwnObjective
from explorer.measurement.quality_meter import STATISTICS_IMAGES, QualityMeter
from explorer.search.workload import Workload
from explorer.system.cache_folder import cache_folder
from searches.figures import AGREEMENT, DIVERGENCE

__all__ = ["make_calibration", "make_evaluator", "make_noise_meter", "make_quality_meter"]


def make_evaluator(
    config: SearchConfig,
    workload: Workload,
    sram_limit_bytes: int | None,
    *,
    quality: QualityMeter | None = None,
    latency: LatencySource | None = None,
    noise: NoiseToSignal | None = None,
    calibration: Calibration | None = None,
    workers: int | None = None,
    own: Sequence[OwnObjective] = (),
) -> DesignEvaluator:
    """The evaluator of a search's designs; fits are cached in the user's cache folder.

    Args:
        config: of the search.
        workload: network and data.
        sram_limit_bytes: the limit under which the execution of each layer is chosen; None without one.
        quality: measures loss and accuracy; without it designs have none.
        latency: what gives times; without it designs have none.
        noise: what gives noise-to-signal ratios; without it designs have none.
        calibration: in whose metrics layers are fitted; without it they are fitted to their weights alone.
        workers: processes that fit layers; one for each core by default.
        own: figures of the user's.
    """
    return DesignEvaluator(
        workload.traced,
        config.activation_bits,
        config.seed,
        FitCache(cache_folder() / "fits"),
        quality,
        sram_limit_bytes,
        workers,
        latency,
        noise,
        calibration,
        own,
    )


def make_calibration(config: SearchConfig, workload: Workload) -> Calibration | None:
    """The inputs of the network's layers on images of the training part; None without data, and where the configuration
    asks for none. They are kept in the user's cache folder."""
    dataset = workload.dataset
    if dataset is None or config.calibration_images == 0:
        return None
    cache, images = MomentCache(cache_folder() / "moments"), dataset.train.inputs
    return calibrate(workload.traced, images, config.batch_statistics is not False, config.calibration_images, cache)


def make_quality_meter(
    config: SearchConfig, workload: Workload, calibration: Calibration | None = None, metric: Metric | None = None
) -> QualityMeter | None:
    """What measures answers, with biases corrected by a calibration; None without data.

    Args:
        config: of the search.
        workload: network and data.
        calibration: as for `make_evaluator`.
        metric: what the user judges outputs by. Where it is an objective, outputs are class scores only where labels
            or other objectives take them for such: those of a regression have the same shape.
    """
    if workload.dataset is None:
        return None
    compares = not config.wants_metric or workload.dataset.is_labelled
    compares |= bool({AGREEMENT, DIVERGENCE} & set(config.objective_names))
    return QualityMeter(
        workload.traced,
        workload.dataset,
        config.activation_bits,
        statistics_images=0 if config.batch_statistics is False else STATISTICS_IMAGES,
        calibration=calibration,
        metric=metric,
        compares=compares,
    )


def make_noise_meter(config: SearchConfig, workload: Workload, calibration: Calibration | None) -> NoiseToSignal | None:
    """What gives noise-to-signal ratios, where they are an objective and no calibration gives them: of training images,
    or of random inputs where there are no data."""
    if not config.wants_noise or calibration is not None:
        return None
    traced, example = workload.traced, workload.loaded.example_input
    if workload.dataset is not None:
        return NoiseToSignal(traced, data_batches(traced, workload.dataset.train.inputs))
    return NoiseToSignal(traced, random_batches(traced, example, config.seed))
