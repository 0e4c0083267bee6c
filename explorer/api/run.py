"""``filterfront.load_run`` and the run that it returns: tables, pictures, what-if, fine-tuning and export."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.api.arguments import as_given_data, as_given_network, as_path, describe
from explorer.api.fronts import FrontView
from explorer.api.progress import shown
from explorer.api.wording import python_words
from explorer.config.given import NOTHING_GIVEN, Given
from explorer.system.errors import ArgumentError, ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from explorer.api.tuned import TunedDesign
    from explorer.api.what_if import WhatIf
    from explorer.config.search import SearchConfig
    from explorer.data import Metric
    from explorer.runs.export import Exported
    from reports.run_record import RunRecord

__all__ = ["Run", "load_run", "open_run"]


class Run(FrontView):
    """A finished or interrupted search, as its run folder holds it; `load_run` and `search` return one.

    Args:
        folder: of the run.
        given: objects in the place of the names of its search, for what works on designs again.
    """

    def __init__(self, folder: Path, given: Given) -> None:
        self.folder, self._given = folder, given
        self._record: RunRecord | None = None

    @property
    def record(self) -> "RunRecord":
        """Everything that the folder holds, checked and typed."""
        from reports.run_folder import read_run

        if self._record is None:
            self._record = read_run(self.folder)
        return self._record

    @property
    def trials(self) -> "pd.DataFrame":
        """One row for every trial: its design, whether it fits, its figures."""
        return self.record.trials.copy()

    @property
    def layers(self) -> "pd.DataFrame":
        """One row for every layer of every design of the front."""
        return self.record.layers.copy()

    @property
    def baselines(self) -> "pd.DataFrame":
        """Uniform quantization, one row for each width."""
        return self.record.baselines.copy()

    @property
    def tuned(self) -> "pd.DataFrame":
        """The fine-tuned designs, one row for each with its figures before and after."""
        return self.record.tuned.copy()

    @property
    def recommended(self) -> str | None:
        """The design that the report recommends, by the rule that it says; None where none fits."""
        from reports.recommendation import recommended

        found = recommended(self.record)
        return None if found is None else found.design

    @property
    def info(self) -> dict[str, Any]:
        """What run.json holds: configuration, versions, network, data, budgets, conventions, status."""
        return self.record.info.to_json()

    @property
    def status(self) -> str:
        """``done`` or ``interrupted``."""
        return self.record.info.status

    def within(
        self,
        *,
        flash: Any = ...,
        sram: Any = ...,
        device: Any = ...,
        max_bit_ops: Any = ...,
        max_latency: Any = ...,
        reserve_flash: Any = None,
        reserve_ram: Any = None,
    ) -> "WhatIf":
        """The front of the designs measured so far under other budgets; nothing is measured again.

        Budgets that are not named stay those of the search, and None lifts one. A search under these budgets may find
        better designs: no claim is made beyond those that were measured.

        Args:
            flash: for the network itself, in bytes or as ``"64KiB"``.
            sram: for activations and scratch.
            device: of the catalogue, the path of a file or a Device: what it leaves takes the place of flash and SRAM.
            max_bit_ops: bit operations of an inference at most.
            max_latency: time of an inference at most, as ``"20ms"``.
            reserve_flash: of the device, kept for the runtime.
            reserve_ram: of the device, kept for the runtime.

        Returns:
            The designs that fit and that none dominates, with ``front``, ``best`` and ``plot`` as the run has them.

        Raises:
            FilterfrontError: a budget or the device cannot be read, or the designs have no such figure.

        Examples:
            Twice the flash, and the memory of another device::

                run.within(flash="224KiB").front
                run.within(device="stm32f446").best("accuracy")
        """
        asked = {
            "flash": flash,
            "sram": sram,
            "device": device,
            "max_bit_ops": max_bit_ops,
            "max_latency": max_latency,
            "reserve_flash": ... if reserve_flash is None else reserve_flash,
            "reserve_ram": ... if reserve_ram is None else reserve_ram,
        }
        with python_words():
            return self.under({name: value for name, value in asked.items() if value is not ...})

    def under(self, budgets: Mapping[str, Any]) -> "WhatIf":
        """`within`, with messages in the command's words.

        Args:
            budgets: by name, as `within` takes them; those that are not named stay.
        """
        from explorer.api.what_if import what_if

        return what_if(self.record, budgets)

    def finetune(
        self,
        design: str,
        epochs: int = 40,
        quiet: bool = False,
        metric: str | Callable[[Any, Any], Any] | None = None,
        recipe: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    ) -> "TunedDesign":
        """Train a design further in its compressed form, at no more cost; state and figures go into the folder.

        Args:
            design: of the front, by its id or the beginning of it.
            epochs: passes over the training part, at most.
            quiet: leaves the progress bars out.
            metric: your own quality of the outputs, as for `search`, by which the epoch that is kept is chosen; that of
                the search is not run again unless it is named here.
            recipe: how it is trained: the path of a TOML file, or a mapping with the same names, such as
                ``{"distillation": 1.0}``; that of the search where None.

        Returns:
            The figures before and after, and the curve.

        Raises:
            FilterfrontError: there is no such design, or network or data are not those of the search.
        """
        with python_words(), shown(quiet):
            tuned, _ = self.tune(design, epochs, metric, recipe)
        return tuned

    def tune(
        self,
        design: str,
        epochs: int,
        metric: str | Callable[[Any, Any], Any] | None = None,
        recipe: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    ) -> "tuple[TunedDesign, Path]":
        """`finetune`, with messages in the command's words; also the page that was drawn again."""
        from explorer.api.tuned import tune
        from explorer.config.recipe_values import recipe_values, tuning_recipe
        from explorer.training.tuning_recipe import no_data

        config = self._check_work(design)
        if config.data_name is None:  # said before torch is loaded
            raise no_data()
        trained = tuning_recipe(config.recipe if recipe is None else recipe_values(recipe), epochs)
        judge = self._judge(metric)
        tuned, page = tune(self.folder, self.design_id(design), trained, self._given, judge)
        self._record = None
        return tuned, page

    def _check_work(self, design: str) -> "SearchConfig":
        """The configuration; refuses work on a design before torch is loaded, as far as it can be seen then."""
        from explorer.runs.recorded_config import recorded_config

        return recorded_config(self.record, self.folder, self.design_id(design), self._given)

    def _judge(self, metric: str | Callable[[Any, Any], Any] | None) -> "Metric | None":
        """A metric that is named now, better in the direction of the search's where that had one."""
        if metric is None:
            return None
        from explorer.data import load_metric, make_metric

        goals = self.record.info.objectives
        direction = next((goal.direction for goal in goals if goal.name == "metric"), None)
        if isinstance(metric, str):
            return load_metric(metric, direction)
        return make_metric(metric, getattr(metric, "__name__", type(metric).__name__), direction)

    def export(
        self,
        design: str,
        out: str | os.PathLike[str] | None = None,
        onnx: bool = False,
        c: bool = False,
        target: str = "host",
        qdq: bool = False,
        qonnx: bool = False,
        quiet: bool = False,
    ) -> "Exported":
        """Write a design as files to deploy, each run and compared with torch before any is kept.

        Args:
            design: of the front, by its id or the beginning of it; fine-tuned where its tuned state is in the folder.
            out: a folder, or the packed file by a name ending in .safetensors; ``exports/DESIGN`` in the run folder by
                default.
            onnx: whether ONNX is written too, weights in floats; needs filterfront[onnx].
            c: whether a folder of C99 is written too, ``paths["c"]``: integer arithmetic, weights as they are packed.
            target: processor that its Makefile compiles for: host, or one such as cortex-m4.
            qdq: whether a dense design is written as ONNX of int8 too, as QuantizeLinear and DequantizeLinear.
            qonnx: whether a dense design of any widths is written as QONNX too.
            quiet: leaves the progress bars out.

        Returns:
            What was written: ``paths`` and ``sizes`` by kind of file, what every byte is for, and how far the outputs
            are from torch's. `load` runs the packed file.

        Raises:
            FilterfrontError: there is no such design, network or data are not those of the search, or the outputs of a
                file are not those of torch.
        """
        with python_words(), shown(quiet):
            return self.write_design(design, None if out is None else as_path(out, "out"), onnx, c, target, qdq, qonnx)

    def write_design(
        self,
        design: str,
        out: Path | None,
        onnx: bool,
        c: bool = False,
        target: str = "host",
        qdq: bool = False,
        qonnx: bool = False,
    ) -> "Exported":
        """`export`, with messages in the command's words."""
        self._check_work(design)
        from explorer.deployment.device_code.targets import target_named
        from explorer.runs.export import export_design

        chosen = target_named(target)
        forms = [form for form, asked in (("qdq", qdq), ("qonnx", qonnx)) if asked]
        return export_design(self.folder, self.design_id(design), out, onnx, self._given, c, chosen, forms)

    def report(self, design: str | None = None, parquet: bool = False) -> Path:
        """Draw the pictures and the page of the run folder again, from its tables.

        Args:
            design: whose layers are drawn, by its id or the beginning of it; the recommended one by default.
            parquet: whether tables are written as Parquet too; needs filterfront[parquet].

        Returns:
            The path of report.html.

        Raises:
            FilterfrontError: the front has no such design, or the folder cannot be written.
        """
        with python_words(), shown(quiet=True):
            return self.draw(design, parquet)

    def draw(self, design: str | None, parquet: bool = False) -> Path:
        """`report`, with messages in the command's words."""
        from reports.render import render

        return render(self.folder, None if design is None else self.design_id(design), parquet)

    def design_id(self, design: str) -> str:
        """The whole id of a design of the front, from a beginning of it that no other one has.

        A text that is the beginning of none stays as it is, so that what reads it says which designs there are.

        Raises:
            ArgumentError: it is no text.
            ConfigError: several designs begin so.
        """
        if not isinstance(design, str):
            raise ArgumentError("a design is named by its id", describe(design), "give text, as front.design has it")
        known = list(self.record.designs)
        found = [name for name in known if name.startswith(design)] if design and design not in known else []
        if len(found) > 1:
            rule = "--design is an id, or the beginning of one alone"
            raise ConfigError(rule, design, f"several begin so: {', '.join(found)}")
        return found[0] if found else design

    def known_design(self, design: str) -> str:
        """`design_id`, refused where the front has no such design.

        Raises:
            ConfigError: it has none, or several begin so.
        """
        found = self.design_id(design)
        if found not in self.record.designs:
            known = ", ".join(self.record.designs) or "none: its search has no design on the front"
            raise ConfigError("a design is one of the run's front", design, f"choose of {known}")
        return found

    def __repr__(self) -> str:
        state = "" if self.status == "done" else f", {self.status}"
        return f"<Run {self.folder}: {self.headline()}{state}>"


def load_run(
    folder: str | os.PathLike[str],
    network: Any = None,
    data: Any = None,
    example_input: Any = None,
    trust: bool = False,
) -> Run:
    """Read a run folder.

    Args:
        folder: that `search` or the command wrote.
        network: the module of a search that was given a module; what works on designs again needs it.
        data: the parts of a search that was given tensors or arrays.
        example_input: of the module; the first training image by default.
        trust: run code that the folder names, though no search of yours ran it under that name. Reading a folder runs
            none; `Run.finetune` and `Run.export` do.

    Returns:
        The run: tables, pictures, what-if, fine-tuning and export.

    Raises:
        FilterfrontError: it is no run folder, or is damaged; what is missing is named.

    Examples:
        >>> import filterfront as ff
        >>> ff.load_run("nothing")
        Traceback (most recent call last):
        ...
        reports.errors.ReportError: got nothing; a run folder holds run.json; give the folder that a search...
    """
    with python_words():
        run = open_run(as_path(folder, "a run folder"))
        weights = run.record.info.configuration.get("weights")
        has_metric = any(goal.name == "metric" for goal in run.record.info.objectives)
        dataset = None if data is None else as_given_data(data, any_targets=has_metric)
        module = None
        if network is not None:
            module = as_given_network(network, example_input, dataset, Path(weights) if weights else None)
        run._given = Given(module, dataset, trusted=trust)
        return run


def open_run(folder: Path, given: Given = NOTHING_GIVEN) -> Run:
    """`load_run`, with messages in the command's words; the folder is read at once.

    Raises:
        ReportError: it is no run folder, or is damaged.
    """
    run = Run(folder, given)
    _ = run.record
    return run
