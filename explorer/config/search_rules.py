"""What options of a search ask of each other: one rule a function, which raises ValueError with what to give."""

from typing import TYPE_CHECKING

from searches.figures import AGREEMENT, METRIC, QUALITY_FIGURES
from searches.objectives import MOST_OBJECTIVES, OBJECTIVES
from searches.samplers import GUIDED

if TYPE_CHECKING:
    from explorer.config.search import SearchConfig

__all__ = ["MOST_LEVEL_BITS", "check_rules"]

MOST_LEVEL_BITS = 8
"""Of activations in C."""


def check_rules(config: "SearchConfig") -> None:
    """Refuses options that do not go together, by the first rule that they break.

    Raises:
        ValueError: a rule is broken.
    """
    for rule in _RULES:
        rule(config)


def _one_width_for_tables(config: "SearchConfig") -> None:
    if config.activation_widths and config.sampler == GUIDED:
        raise ValueError("--sampler guided counts with one width; give one --activation-bits or another sampler")
    if config.activation_widths and config.wants_latency:
        raise ValueError("latency is predicted for one width of activations; give one --activation-bits")


def _own_objectives_have_a_sampler(config: "SearchConfig") -> None:
    if config.objective and config.sampler == GUIDED:
        raise ValueError("--sampler guided learns one measured objective; with --objective give tpe or nsga2")
    if config.objective and config.trained is not None:
        raise ValueError("--trained has no objectives of your own, which are of designs as fitted; leave one out")


def _images_need_data(config: "SearchConfig") -> None:
    if config.validation_images is not None and config.data_name is None:
        raise ValueError("--validation-images limits the images that accuracy is measured on; give --data too")


def _agreement_has_a_place(config: "SearchConfig") -> None:
    if config.agreement and config.objectives and not {"accuracy", AGREEMENT} & set(config.objectives):
        rule = "--agreement makes agreement an objective in the place of accuracy"
        raise ValueError(f"{rule}, which is none of {', '.join(config.objectives)}; add agreement to --objectives")
    if config.agreement and config.data_name is None:
        raise ValueError("--agreement is measured on images; give --data too, with labels or without")


def _metric_has_a_place(config: "SearchConfig") -> None:
    if config.metric is None:
        if config.metric_direction is not None:
            raise ValueError("--metric-direction says which values of a metric are better; give --metric too")
        return
    if config.data_name is None:
        raise ValueError("--metric is a function of the network's outputs for data; give --data too")
    if config.objectives and METRIC not in config.objectives:
        rule = "--metric is measured for the objective metric"
        raise ValueError(f"{rule}, which is none of {', '.join(config.objectives)}; add metric to --objectives")


def _tuning_needs_data(config: "SearchConfig") -> None:
    if config.finetune_top and config.data_name is None:
        raise ValueError("--finetune-top trains designs on data; give --data too")


def _recipes_are_of_training(config: "SearchConfig") -> None:
    if config.recipe is not None and config.trained is None and not config.finetune_top:
        raise ValueError("--recipe says how designs are trained; give --trained or --finetune-top too")


def _rungs_change_an_objective(config: "SearchConfig") -> None:
    if not config.has_rungs or config.objective:
        return
    option = "--trained" if config.trained else "--sequential"
    if config.data_name is None:
        raise ValueError(f"{option} works on data; give --data too")
    if config.sequential and not config.calibration_images:
        raise ValueError("--sequential fits layers to data; leave --calibration-images 0 out")
    if config.finetune_top:
        raise ValueError(f"{option} works on the designs of the front already; leave --finetune-top out")
    objectives = [OBJECTIVES[name] for name in config.objective_names]
    measured = [item.name for item in objectives if item.needs_data]
    fitted = [item.name for item in objectives if item.column in QUALITY_FIGURES and not item.needs_data]
    if len(measured) != 1 or fitted or len(objectives) > MOST_OBJECTIVES:
        what = "training" if config.trained else "it"
        rule = f"{option} has one objective that {what} changes, and at most {MOST_OBJECTIVES - 1} of costs"
        raise ValueError(f"{rule}; got {', '.join(config.objective_names)}: give for example accuracy,flash")


def _deployable_has_levels(config: "SearchConfig") -> None:
    widths = config.activation_widths or (config.activation_bits,)
    if config.deployable and max(widths) > MOST_LEVEL_BITS:
        rule = f"--deployable is for C, whose activations have 1 to {MOST_LEVEL_BITS} bits"
        raise ValueError(f"{rule}; --activation-bits has {max(widths)}: give {MOST_LEVEL_BITS} or fewer")
    if config.deployable and config.data_name is None:
        raise ValueError("--deployable is for C, whose activations are rounded to ranges of data; give --data too")


def _reserve_has_effect(config: "SearchConfig") -> None:
    for reserve, budget in (("flash", "flash"), ("ram", "sram")):
        is_given = getattr(config, f"reserve_{reserve}") is not None
        if is_given and (config.device_name is None or getattr(config, budget) is not None):
            rule = f"--reserve-{reserve} is taken off a device's memory, and --{budget} is a budget already"
            raise ValueError(f"{rule}; give a device and no --{budget}, or leave the reserve out")


_RULES = (
    _one_width_for_tables,
    _own_objectives_have_a_sampler,
    _images_need_data,
    _agreement_has_a_place,
    _metric_has_a_place,
    _tuning_needs_data,
    _recipes_are_of_training,
    _rungs_change_an_objective,
    _deployable_has_levels,
    _reserve_has_effect,
)
