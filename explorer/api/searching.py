"""``filterfront.search``: from a network and a device to a run; the command is a thin layer over it."""

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodels import Device
from costmodels.text import AnyScheme
from explorer.api.arguments import (
    as_device,
    as_given_data,
    as_given_network,
    as_metric,
    as_own_objectives,
    as_path,
    as_scheme_text,
    describe,
    no_example,
)
from explorer.api.progress import shown
from explorer.api.run import Run, open_run
from explorer.api.tuned import TunedDesign
from explorer.api.wording import python_words
from explorer.config.given import Given
from explorer.config.search import SearchConfig, make_config
from explorer.config.search_options import DEMO_NETWORK
from explorer.system.errors import ArgumentError, ConfigError
from explorer.system.interrupts import StopRequest
from explorer.system.progress import Stage, said_beside_bars

if TYPE_CHECKING:
    from explorer.finetuning.rung_trainer import RungTrainer
    from explorer.runs.mlflow_log import MlflowLog
    from explorer.search.run import Outcome
    from explorer.search.setup import Prepared

__all__ = ["Searched", "run_config", "search"]

Size = str | int | None


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search leaves: the run, the designs that were fine-tuned, the page, and whether the user stopped it."""

    run: Run
    tuned: tuple[TunedDesign, ...]
    page: Path
    interrupted: bool


def search(
    network: Any = DEMO_NETWORK,
    *,
    example_input: Any = None,
    weights: str | os.PathLike[str] | None = None,
    data: Any = None,
    validation_images: int | None = None,
    device: str | os.PathLike[str] | Device | None = None,
    flash: Size = None,
    sram: Size = None,
    max_bit_ops: str | float | None = None,
    max_latency: str | None = None,
    reserve_flash: Size = None,
    reserve_ram: Size = None,
    activation_bits: int | str | Sequence[int] = 8,
    bias_bits: int = 16,
    objectives: str | Sequence[str] | None = None,
    objective: str | Callable[..., Any] | Sequence[str | Callable[..., Any]] = (),
    agreement: bool = False,
    metric: str | Callable[[Any, Any], Any] | None = None,
    metric_direction: str | None = None,
    schemes: AnyScheme | Sequence[AnyScheme] | None = None,
    layers: Mapping[str, AnyScheme] | None = None,
    space: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    keep: str | Sequence[str] | None = None,
    deployable: bool = False,
    batch_statistics: bool | None = None,
    calibration_images: int = 1024,
    sampler: str | None = None,
    trials: int = 300,
    seed: int = 0,
    workers: int = 1,
    storage: str | None = None,
    heartbeat: int = 10,
    out: str | os.PathLike[str] | None = None,
    parquet: bool = False,
    mlflow: str | None = None,
    resume: bool = False,
    finetune_top: int = 0,
    finetune_epochs: int = 40,
    sequential: bool = False,
    trained: int | None = None,
    recipe: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    gap: bool | None = None,
    gap_eps: float = 0.2,
    quiet: bool = False,
) -> Run:
    """Search the compressed forms of a network that fit a device; the options are those of ``filterfront search``.

    With no argument at all: a small CNN, trained here on scikit-learn's handwritten digits, for a microcontroller. An
    interrupt (Ctrl-C, or a notebook's stop button) finishes the design at hand, and a run with the status
    ``interrupted`` is returned; ``resume=True`` goes on. A second one raises.

    A script that searches with several workers has to begin under ``if __name__ == "__main__":``, as every script that
    starts processes.

    Args:
        network: a name of the zoo, an .onnx file, ``file.py:callable``, ``package.module:callable``, or a
            ``torch.nn.Module``. A module is copied as it is, on any device, in any float type and mode, and never
            changed.
        example_input: of a module: a tensor (N, ...), or a tuple of them for several inputs; with data the first
            training image by default.
        weights: a file of weights: .safetensors, or .pt (loaded weights-only).
        data: a name such as ``digits``, ``images:FOLDER`` or ``file.py:callable``, or tensors or arrays as
            ``{"train": (x, y), "validation": (x, y), "test": (x, y)}``, or these pairs in order as a tuple; the test
            part may be left out. Without labels ``x`` stands in the place of each pair, or of all of them, which is
            then parted.
        validation_images: measure designs on so many validation images at most.
        device: a name of the catalogue, the path of a .toml file, or a Device.
        flash: for the network itself, in bytes or as ``"256KiB"``, in place of the device's.
        sram: for activations and scratch, in place of the device's.
        max_bit_ops: bit operations of an inference at most.
        max_latency: time of an inference at most, such as ``"20ms"``: on this machine, or of the device.
        reserve_flash: flash of the device kept for all but the network; what its C program takes by default, 144 KiB
            where that is not known.
        reserve_ram: likewise of RAM; 44 KiB where it is not known.
        activation_bits: 1 to 16, or 32 for float; several, of which designs choose, as a sequence.
        bias_bits: of biases, and of shifts of folded batch normalizations: 32, or 16 with 8 a layer in common.
        objectives: names, best two; by default accuracy (the metric where one is given, agreement on data without
            labels, noise without data) and flash (storage without a device).
        objective: objectives of your own, added to the others: a function from a design to a number that is to be
            small, or large where its attribute ``direction`` is ``"maximize"``; its place as ``file.py:callable``; or
            several.
        agreement: whether agreement with the float network is an objective in the place of accuracy.
        metric: your own quality of the network's outputs, the objective ``metric``: a function of the outputs for a
            whole part of the data and its targets, or its place as ``file.py:callable``.
        metric_direction: ``maximize`` or ``minimize``; by default what the function's attribute ``direction`` says, and
            maximize without one.
        schemes: search these only: names of forms, or schemes with their parameters, as objects or in text. Schemes of
            one form span the combinations of their values.
        layers: the scheme of layers that have no choice, by layer name, ``first`` or ``last``.
        space: a TOML file with the design space, or its content as a mapping.
        keep: layers that stay dense at 32 bits: names, ``first``, ``last``.
        deployable: whether every design must have a C form: a network without one is refused by name before anything
            is trained or fitted, and candidates without one are left out.
        batch_statistics: whether batch statistics are re-estimated for each design, on 256 training images; by default
            unless the float network loses a tenth of its right answers so.
        calibration_images: training images, without their labels, that layers are fitted to and biases corrected on;
            0 fits layers to their weights alone.
        sampler: ``guided``, ``tpe``, ``nsga2``, ``nsga3`` or ``random``; by default guided where every candidate can
            be fitted soon, else tpe.
        trials: in all, those before ``resume`` too.
        seed: of training, fits and sampler.
        workers: processes that measure, one thread each.
        storage: an Optuna storage by URL, shared with ``filterfront worker``; a journal in the folder by default.
        heartbeat: seconds between a trial's signs of life.
        out: the run folder; ``runs/NETWORK-DEVICE`` by default, numbered.
        parquet: whether tables are written as Parquet too; needs filterfront[parquet].
        mlflow: where to log the run to MLflow, such as ``http://host:5000`` or ``sqlite:///mlflow.db``; needs
            filterfront[mlflow].
        resume: whether to go on with the search in the run folder.
        finetune_top: how many designs of the front to fine-tune.
        finetune_epochs: of each of them, at most.
        sequential: promising designs, one of 4, are fitted once more, each layer to what the layers before it leave it,
            without labels or training; the front is of these.
        trained: epochs, for a front of trained designs: one of 8 designs is trained for a quarter of them, one of 32
            for all, chosen as the front grows most; the rest stays as fitted.
        recipe: how designs are trained: the path of a TOML file, or a mapping with the same names, such as
            ``{"distillation": 1.0}``.
        gap: whether to compute the distance to the best possible; by default where the space is soon fitted.
        gap_eps: with three or more objectives proven within a factor of 1 + this.
        quiet: leaves the progress bars out.

    Returns:
        The run: front, trials, pictures, what-if, fine-tuning and export. It is in its folder too, with a report.

    Raises:
        FilterfrontError: something given cannot be used; the message says what to give.
        InfeasibleError: no design fits; the message names the budget that binds and the least value reachable.

    Examples:
        A module of your own, with tensors, for a device of the catalogue::

            run = ff.search(module, data={"train": (x, y), "validation": (u, v)}, device="stm32l432", trials=100)
            run.best("accuracy")
            run.plot(x="flash", y="accuracy")
    """
    options = {name: value for name, value in locals().items() if name not in ("example_input", "quiet")}
    command = _call(options)
    with python_words(), shown(quiet):
        _refuse_in_worker(workers)
        config = _config(options, example_input)
        return run_config(config, command).run


def _refuse_in_worker(workers: int) -> None:
    """Refuses the search of a script that a process of another search imports on its way up."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        rule = 'a script that starts processes begins under if __name__ == "__main__":'
        raise ConfigError(rule, f"workers={workers} without a guard", "put the search below that line")


def _call(options: Mapping[str, Any]) -> str:
    """The call in text, for the provenance, without passwords."""
    from searches.passwords import masked

    addresses = {name: masked(str(url)) for name in ("storage", "mlflow") if (url := options.get(name))}
    options = {**options, **addresses}
    usual = SearchConfig.model_fields
    given = [f"{name}={_shown(value)}" for name, value in options.items() if _differs(value, usual[name].default)]
    return f"filterfront.search({', '.join(given)})"


def _differs(value: Any, usual: Any) -> bool:
    """Whether an option was given; whatever it is, it is not compared as an array."""
    return value is not usual and not (isinstance(value, (str, int, float)) and value == usual)


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, list)) and all(isinstance(item, (str, int, float)) for item in value):
        return repr(list(value))
    return describe(value)


def _config(options: Mapping[str, Any], example_input: Any) -> SearchConfig:
    """The configuration of these options, with the objects among them.

    Raises:
        ArgumentError: an option is of a kind that cannot be used.
        ConfigError: options have faults; the message lists all of them.
    """
    named = dict(options)
    dataset = module = None
    if named["data"] is not None and not isinstance(named["data"], str):
        dataset = as_given_data(named["data"], any_targets=named["metric"] is not None)
        named["data"] = dataset.name
    if isinstance(named["network"], str):
        if example_input is not None:
            raise no_example(named["network"])
    else:
        weights = None if named["weights"] is None else as_path(named["weights"], "a file of weights")
        module = as_given_network(named["network"], example_input, dataset, weights)
        named["network"] = module.name
    device = named["device"] = as_device(named["device"])
    if isinstance(device, Device):
        named["device"] = device.name
    if isinstance(named["activation_bits"], Sequence) and not isinstance(named["activation_bits"], str):
        named["activation_bits"] = ",".join(map(str, named["activation_bits"]))
    if named["schemes"] is not None and not isinstance(named["schemes"], str):
        several = named["schemes"] if isinstance(named["schemes"], Sequence) else [named["schemes"]]
        named["schemes"] = [as_scheme_text(item) for item in several]
    if named["layers"] is not None:
        named["layers"] = _layer_texts(named["layers"])
    if named["space"] is not None:
        named["space"] = _space(named["space"])
    metric = None if isinstance(named["metric"], str) else as_metric(named["metric"])
    named["metric"] = getattr(metric, "__name__", type(metric).__name__) if metric else named["metric"]
    named["objective"], own = as_own_objectives(named["objective"])
    given = Given(module, dataset, device if isinstance(device, Device) else None, metric, own)
    return make_config(**named).with_given(given)


def _space(space: Any) -> str | os.PathLike[str] | dict[str, Any]:
    if isinstance(space, Mapping):
        return dict(space)
    if isinstance(space, (str, os.PathLike)):
        return space
    remedy = "give the path of a .toml file, or a mapping"
    raise ArgumentError("a design space is a file or its content", describe(space), remedy)


def _layer_texts(layers: Any) -> dict[str, str]:
    if not isinstance(layers, Mapping):
        remedy = "give for example {'first': 'dense(weight_bits=8)'}"
        raise ArgumentError("layers are a mapping of names to schemes", describe(layers), remedy)
    return {str(name): as_scheme_text(scheme) for name, scheme in layers.items()}


def run_config(config: SearchConfig, command: str) -> Searched:
    """Runs the search of a configuration and writes its run folder; what the command calls too.

    Args:
        config: of the search.
        command: what asked for it, for the provenance.

    Raises:
        FilterfrontError: as `search`, in the command's words.
    """
    from explorer.config.budgets import chosen_device
    from explorer.config.first_look import look_at_files
    from explorer.config.run_folder import free_folder, made_folder
    from explorer.search.space_grid import search_grid
    from explorer.search.study_name import study_name
    from explorer.search.study_storage import STUDY_FILE, check_storage

    folder = free_folder(config)
    with StopRequest(said_beside_bars) as request, ExitStack() as stack:
        with made_folder(folder):
            check_storage(config.storage or folder / STUDY_FILE, partial(study_name, config, folder=folder))
            look_at_files(config)
            chosen_device(config)
            search_grid(config)
            log = stack.enter_context(_begun_log(config, folder) or nullcontext())
            from explorer.runs.build import make_run
            from explorer.search.run import run_search
            from reports.render import render
            from reports.run_folder import read_run, write_run

            outcome = run_search(config, folder, request, _trainer(config, folder))
            with Stage("writing the run folder"):
                write_run(folder, make_run(outcome, command))
        tuned = () if request.asked else _tune(config, folder, outcome, request)
        with Stage("drawing the report"):
            page = render(folder, parquet=config.parquet)
        if log is not None:
            with Stage("logging to MLflow"):
                log.finish(read_run(folder), folder, request.asked or outcome.result.interrupted)
        given = replace(config.given, trusted=True)
        return Searched(open_run(folder, given), tuned, page, request.asked or outcome.result.interrupted)


def _begun_log(config: SearchConfig, folder: Path) -> "MlflowLog | None":
    """What the search is logged to; refuses, before anything is loaded, what cannot be written at the end."""
    if config.parquet:
        from reports.parquet_tables import check_parquet

        check_parquet()
    if config.mlflow is None:
        return None
    from explorer.runs.mlflow_log import open_log

    return open_log(config.mlflow, folder, config)


def _trainer(config: SearchConfig, folder: Path) -> "Callable[[Prepared], RungTrainer] | None":
    """What makes the trainer of a search that trains its designs."""
    if not config.has_rungs:
        return None
    from explorer.finetuning.rung_trainer import make_trainer

    return partial(make_trainer, folder=folder)


def _tune(config: SearchConfig, folder: Path, outcome: "Outcome", request: StopRequest) -> tuple[TunedDesign, ...]:
    """Fine-tunes the designs of the front that ``--finetune-top`` asks for, as far as the user does not stop it."""
    if not config.finetune_top:
        return ()
    from explorer.config.recipe_values import tuning_recipe
    from explorer.finetuning.tune_design import tune_design
    from reports.run_folder import read_run
    from reports.tuned_designs import chosen_to_tune

    recipe, records = tuning_recipe(config.recipe, config.finetune_epochs), outcome.result.measured()
    facts = {}
    with suppress(KeyboardInterrupt), request.at_once():
        for name in chosen_to_tune(read_run(folder), config.finetune_top):
            chosen = records[name].design
            facts[name] = tune_design(folder, name, chosen, outcome.workload, outcome.evaluator, recipe)
    return tuple(TunedDesign(name, folder, found) for name, found in facts.items())
