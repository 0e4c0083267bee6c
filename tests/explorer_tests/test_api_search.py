"""Searches and runs from Python: live modules and tensors, interruption, what-if, comparison, fine-tuning, export."""

import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

import filterfront as ff
from explorer.api import searching
from explorer.api.wording import in_python
from explorer.config.search import SearchConfig
from explorer.data import make_dataset
from explorer.runs.c_export import c_export
from explorer.runs.reopen import reopen
from explorer.search.space_grid import layer_schemes, search_grid
from explorer.search.workload import open_network
from explorer.system.errors import ConfigError
from searches.space import build_space

ROOT = str(Path(ff.__file__).parent)


def tiny():
    """A network that learns nothing and takes no time."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def parts():
    """Three classes that differ in brightness."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 90)
    images = random.normal(labels[:, None, None, None], 0.3, (90, 1, 6, 6)).astype(np.float32)
    bounds = {"train": (0, 40), "validation": (40, 70), "test": (70, 90)}
    return {part: (images[low:high], labels[low:high]) for part, (low, high) in bounds.items()}


OPTIONS = {"flash": "4KiB", "sampler": "random", "gap": False, "trials": 12, "quiet": True}


class _Terminal(StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """(run, module, its state before, what was shown): in double precision and training mode, as the user had it."""
    module = tiny().double().train()
    module[1].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    folder = tmp_path_factory.mktemp("api") / "live"
    with redirect_stderr(_Terminal()) as shown:
        found = ff.search(module, data=parts(), out=folder, **OPTIONS)
    return found, module, before, shown.getvalue()


@pytest.fixture(scope="module")
def run(searched):
    return searched[0]


@pytest.fixture
def design(run):
    return run.front.design[0]


# Searching


def test_a_module_and_arrays_are_searched_and_stay_as_they_are(searched):
    run, module, before, _ = searched
    assert (run.status, len(run.trials), run.record.info.counts.trials) == ("done", 12, 12)
    assert {"design", "accuracy", "flash_bytes"} <= set(run.front.columns)
    assert (module.training, module[1].training) == (True, False)
    for name, value in module.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name])


def test_the_run_records_that_objects_were_given(run):
    configuration = run.info["configuration"]
    assert (configuration["network"], configuration["data"]) == ("Sequential", "arrays")
    assert configuration["objects"] == ["network", "data"]
    assert run.info["command"].startswith("filterfront.search(network=<Sequential>, data=<dict>, flash='4KiB'")
    assert run.info["data"]["digest"] == make_dataset(parts(), "any", "any").digest


def test_the_folder_is_that_of_the_command(run):
    assert (run.folder / "report.html").is_file()
    front = pd.read_csv(run.folder / "front.csv", dtype={"design": str})
    assert list(front.design) == list(run.front.design) == list(ff.load_run(run.folder).front.design)


def test_other_forms_of_the_same_data_and_module_give_the_same_designs(run, tmp_path):
    given = parts()
    pairs = [tuple(torch.from_numpy(part) for part in pair) for pair in given.values()]
    again = ff.search(tiny(), data=pairs, example_input=torch.zeros(1, 1, 6, 6), out=tmp_path / "again", **OPTIONS)
    pd.testing.assert_frame_equal(again.trials.drop(columns="seconds"), run.trials.drop(columns="seconds"))


def test_a_search_by_text_and_device_is_that_of_the_command(tmp_path, run_filterfront):
    (tmp_path / "net_of_api_test.py").write_text(
        f"import numpy as np\nimport torch\nfrom torch import nn\n\n{inspect.getsource(tiny)}\n"
        f"{inspect.getsource(parts)}\ndef build():\n    return tiny(), torch.zeros(1, 1, 6, 6)\n"
    )
    network, data = f"{tmp_path}/net_of_api_test.py:build", f"{tmp_path}/net_of_api_test.py:parts"
    options = ("--network", network, "--data", data, "--device", "stm32l432", "--sampler", "random", "--no-gap")
    done = run_filterfront("search", *options, "--trials", "6", "--out", tmp_path / "command", "--json")
    assert done.returncode == 0, done.stderr
    device = ff.load_device("stm32l432")
    settings = {**OPTIONS, "flash": None, "trials": 6, "out": tmp_path / "python"}
    found = ff.search(network, data=data, device=device, **settings)
    printed = json.loads(done.stdout)
    assert [row["design"] for row in printed["front"]] == list(found.front.design)
    commanded = ff.load_run(tmp_path / "command")
    pd.testing.assert_frame_equal(commanded.trials.drop(columns="seconds"), found.trials.drop(columns="seconds"))
    assert commanded.info["budgets"] == found.info["budgets"]
    assert commanded.info["device"] == found.info["device"]
    assert found.info["configuration"]["objects"] == ["device"]


def test_workers_measure_a_module_whose_class_they_cannot_import(tmp_path, run):
    class Local(nn.Sequential):
        """No other process can import this class by its name."""

    module = Local(*tiny())
    found = ff.search(module, data=parts(), out=tmp_path / "run", **{**OPTIONS, "workers": 2, "trials": 4})
    assert found.record.info.counts.trials == 4
    alike = set(found.trials.design) & set(run.trials.design)
    assert alike
    for name in alike:
        ours, theirs = (table.trials.set_index("design").loc[name] for table in (found, run))
        assert (ours.accuracy, ours.flash_bytes) == (theirs.accuracy, theirs.flash_bytes)


def test_schemes_and_layers_are_given_as_objects_or_in_text():
    options = {
        **{name: option.default for name, option in inspect.signature(ff.search).parameters.items()},
        "network": tiny(),
        "data": parts(),
        "schemes": [ff.Dense(weight_bits=4), "dense(weight_bits=8)", "pruned"],
        "layers": {"first": ff.Dense(weight_bits=3), "7": "dense(weight_bits=5)"},
    }
    config = searching._config(
        {name: options[name] for name in options if name not in ("example_input", "quiet")}, None
    )
    spec = open_network(config, None)[1].spec
    space = build_space(spec, search_grid(config), layer_schemes(config, spec))
    first, middle, last = (set(map(str, layer.candidates)) for layer in space.layers)
    assert first == {"dense(weight_bits=3, scale=filter)"}
    assert last == {"dense(weight_bits=5, scale=filter)"}
    dense = {"dense(weight_bits=4, scale=filter)", "dense(weight_bits=8, scale=filter)"}
    assert {name for name in middle if name.startswith("dense")} == dense
    assert len(middle) == len(dense) + 2 * 2  # densities and widths of pruned in the default space


def test_a_file_of_weights_is_put_into_the_copy_of_a_module(tmp_path):
    torch.save(tiny().state_dict(), tmp_path / "weights.pt")
    blank = tiny().apply(_zero)
    options = inspect.signature(ff.search).parameters
    usual = {name: options[name].default for name in set(options) - {"example_input", "quiet"}}
    given = {**usual, "network": blank, "weights": tmp_path / "weights.pt"}
    loaded, _ = open_network(searching._config(given, torch.zeros(1, 1, 6, 6)), None)
    assert torch.equal(loaded.module[0].weight, tiny()[0].weight)
    assert loaded.weights_origin == "weights of weights.pt"
    assert not blank[0].weight.any()


def test_an_interrupt_keeps_what_is_finished(tmp_path, monkeypatch):
    from explorer.search.progress import TrialProgress

    seen = []
    show = TrialProgress.show

    def show_and_stop(self, record):
        seen.append(record)
        if len(seen) == 3:
            signal.raise_signal(signal.SIGINT)
        show(self, record)

    monkeypatch.setattr(TrialProgress, "show", show_and_stop)
    found = ff.search(tiny(), data=parts(), out=tmp_path / "run", **OPTIONS)
    assert found.status == "interrupted"
    assert len(found.trials) == 3
    assert repr(found).endswith(", interrupted>")
    monkeypatch.undo()
    with pytest.raises(
        ff.FilterfrontError, match=r"is not empty; .*; pass resume=True to go on with it, or another out"
    ):
        ff.search(tiny(), data=parts(), out=tmp_path / "run", **OPTIONS)
    again = ff.search(tiny(), data=parts(), out=tmp_path / "run", resume=True, **{**OPTIONS, "trials": 5})
    assert (again.status, len(again.trials)) == ("done", 5)
    assert list(again.trials.design[:3]) == list(found.trials.design)


def test_progress_is_shown_unless_it_is_not_wanted(searched, tmp_path):
    """Also in a thread, which hears no signals."""
    assert "searching" not in searched[3]
    found = []
    options = {**OPTIONS, "trials": 2, "quiet": False, "out": tmp_path / "run"}
    thread = threading.Thread(target=lambda: found.append(ff.search(tiny(), data=parts(), **options)))
    with redirect_stderr(_Terminal()) as shown:
        thread.start()
        thread.join()
    assert found[0].status == "done"
    assert "searching" in shown.getvalue()


def test_a_script_without_a_guard_is_told_so(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text("import filterfront as ff\nff.search('digits-cnn', flash='1KiB', workers=2)\n")
    program = (
        "import multiprocessing as m, runpy; m.current_process()._inheriting = True; runpy.run_path('unguarded.py')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "put the search below that line" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": 5}, "got 5; data are a name, parts of (inputs, labels), or inputs; give a name such as"),
        ({"data": (1,)}, "got <tuple>"),
        ({"device": 4}, "got 4; a device is a name, a path or a Device"),
        ({"layers": ["conv1"]}, "got <list>; layers are a mapping of names to schemes"),
        ({"schemes": [4]}, "got int; a scheme is one of costmodels' or text"),
        ({"example_input": torch.zeros(1, 1, 8, 8)}, "got network='digits-cnn'; an example input belongs to a module"),
    ],
)
def test_an_option_of_another_kind_is_a_type_error_that_says_what_to_give(options, message):
    with pytest.raises(TypeError) as caught:
        ff.search(**options)
    assert isinstance(caught.value, ff.FilterfrontError)
    assert message in str(caught.value)


def test_faults_are_said_at_once_and_in_the_words_of_python():
    with pytest.raises(ff.FilterfrontError) as caught:
        ff.search(flash="-1KiB", trials=0, max_bit_ops="many")
    text = str(caught.value)
    assert "flash: got -1KiB; a size is a whole positive number" in text
    assert "trials: got 0; Input should be greater than or equal to 1" in text
    assert "max_bit_ops: got many; a count is" in text
    assert "--" not in text
    with pytest.raises(ff.FilterfrontError, match="train: labels have shape"):
        ff.search(tiny(), data={"train": (np.zeros((4, 1, 6, 6)), np.zeros((4, 2))), "validation": parts()["test"]})


def test_passwords_are_not_recorded():
    said = searching._call({"storage": "postgresql://me:S3CRET@host/name", "trials": 300, "seed": 1})
    assert said == "filterfront.search(storage='postgresql://me:***@host/name', seed=1)"


def test_options_of_the_command_are_arguments_in_python():
    assert in_python("use fewer --workers, or --workers 2; add --no-gap or --resume; --max-bit-ops") == (
        "use fewer workers, or workers=2; add gap=False or resume=True; max_bit_ops"
    )


def test_a_configuration_with_objects_keeps_them_out_of_its_plain_data():
    config = SearchConfig(network="Net", objects=("network",))
    assert "given" not in json.dumps(config.to_json())
    with pytest.raises(ConfigError, match="the network of this search was an object in Python and is needed again"):
        config.check_given("network")
    config.check_given("data")


# Runs


def test_a_run_shows_itself(run):
    text = repr(run)
    assert "\n" not in text
    assert f"Sequential, {len(run.front)} design" in text
    assert "best accuracy" in text
    page = run._repr_html_()
    assert all(name in page for name in run.front.design[:20])
    assert "gap=False was given" in page


def test_the_tables_are_the_users_own(run):
    front = run.front
    front.loc[:, "design"] = "changed"
    assert "changed" not in set(run.front.design)
    assert len(run.layers) == 3 * len(run.front)
    assert set(run.baselines.weight_bits) >= {1, 8}


def test_the_best_design_of_any_figure(run):
    front = run.front
    assert run.best().accuracy == front.accuracy.max()
    assert run.best("loss").loss == front.loss.min()
    assert run.best("flash").flash_bytes == front.flash_bytes.min()
    equal = front[front.accuracy == front.accuracy.max()]
    assert run.best("accuracy").storage_bytes == equal.storage_bytes.min()
    with pytest.raises(ff.FilterfrontError, match=r"got flsh; .* did you mean flash"):
        run.best("flsh")


@pytest.mark.parametrize(
    "names", [{}, {"x": "flash", "y": "accuracy"}, {"x": "sram_bytes"}, {"y": "loss"}, {"x": "bit-ops", "y": "macs"}]
)
def test_a_plot_is_a_figure_of_the_figures_asked_for(run, names):
    figure = run.plot(**names)
    assert isinstance(figure, Figure)
    titles = {"flash": "Flash", "accuracy": "Accuracy", "sram_bytes": "SRAM", "loss": "Loss", "bit-ops": "Bit-ops"}
    (axes,) = figure.axes
    assert axes.get_xlabel().startswith(titles[names.get("x", "flash")])
    assert axes.get_ylabel().startswith({**titles, "macs": "MAC"}[names.get("y", "accuracy")])


def test_what_if_keeps_the_budgets_that_are_not_named(run):
    half = int(run.trials.flash_bytes.median())
    found = run.within(flash=half)
    assert found.budgets == {"flash_bytes": half}
    assert (found.front.flash_bytes <= half).all()
    assert set(found.front.design) <= set(run.trials.design)
    assert repr(found).endswith("measured designs, nothing measured again>")
    assert f"from {run.record.info.counts.measured} measured" in repr(found)
    assert "A search under these budgets may find better designs." in found._repr_html_()
    assert isinstance(found.plot(x="flash"), Figure)
    assert found.best("accuracy").flash_bytes <= half
    assert run.within().budgets == {"flash_bytes": 4096}
    assert run.within(flash=None, sram="1KiB").budgets == {"sram_bytes": 1024}


def test_what_if_on_another_device(run):
    found = run.within(device="stm32f446")
    assert found.budgets == {"flash_bytes": 368 * 1024, "sram_bytes": 84 * 1024}
    assert "on stm32f446" in repr(found)
    assert found.notes == (
        "Each layer's execution was chosen for no limit on SRAM; another limit may choose others.",
        "A search under these budgets may find better designs.",
    )
    more = run.within(device=ff.load_device("stm32f446"), reserve_flash="0B")
    assert more.budgets["flash_bytes"] == 512 * 1024
    assert run.within(device="stm32f446", flash="1KiB").budgets["flash_bytes"] == 1024


def test_what_if_refuses_what_it_cannot_answer(run):
    with pytest.raises(ff.FilterfrontError, match="got latency; a budget is on a figure that the designs have"):
        run.within(max_latency="3ms")
    with pytest.raises(ff.FilterfrontError, match="flash: got 1KB; a size is a number with B, KiB"):
        run.within(flash="1KB")
    empty = run.within(flash="1B")
    assert len(empty.front) == 0
    assert "none of" in repr(empty)
    with pytest.raises(ff.FilterfrontError, match="a best design is one that fits"):
        empty.best()
    assert isinstance(empty.plot(), Figure)


@pytest.fixture
def copied(run, tmp_path):
    """Copies the run's folder under another name, with other facts of its data."""

    def copy(**data):
        folder = shutil.copytree(run.folder, tmp_path / "other")
        info = json.loads((folder / "run.json").read_text())
        info["data"] |= data
        (folder / "run.json").write_text(json.dumps(info))
        return folder

    return copy


def test_runs_are_compared(run, copied):
    compared = ff.compare([run, copied()])
    table = compared.to_frame()
    assert list(table.run) == ["live", "other"]
    assert list(table.network) == ["Sequential"] * 2
    assert list(table.best_accuracy) == [run.front.accuracy.max()] * 2
    assert list(table.hypervolume_share) == [1.0, 1.0]
    assert set(compared.reference) == {"flash_bytes", "accuracy"}
    assert isinstance(compared.plot(), Figure)
    assert repr(compared) == "<Comparison of 2 runs of Sequential by accuracy against flash: live, other>"
    assert compared._repr_html_().count("<tr>") == 3
    assert [name.rpartition(" ")[2] for name in ff.compare([run, run]).to_frame().run] == ["(1)", "(2)"]


def test_what_cannot_be_compared_is_said(run, copied):
    with pytest.raises(ff.FilterfrontError, match=r"data differ: live of arrays \(digest .*\), other of arrays"):
        ff.compare([run, copied(digest="another")])
    with pytest.raises(TypeError, match=r"got <Run>; runs are compared as a list; give for example \[run_a, run_b\]"):
        ff.compare(run)
    with pytest.raises(TypeError, match="got 3; a run is a Run or its folder"):
        ff.compare([run, 3])


def test_a_design_is_named_by_the_beginning_of_its_id(run, design):
    assert run.design_id(design) == run.design_id(design[:9]) == design
    everything = "".join(name[0] for name in run.front.design)
    shared = next((first for first in everything if everything.count(first) > 1), None)
    if shared is not None:
        with pytest.raises(ff.FilterfrontError, match="several begin so"):
            run.export(shared)
    with pytest.raises(ff.FilterfrontError, match="got zz; design is a design of the run's front; choose of"):
        run.export("zz")
    with pytest.raises(TypeError, match="got 4; a design is named by its id"):
        run.export(4)


def test_a_design_is_tuned_and_exported_and_runs(run, design, tmp_path):
    tuned = run.finetune(design[:9], epochs=1, quiet=True)
    assert tuned.design == design
    assert repr(tuned).startswith(f"<Fine-tuned {design}: accuracy ")
    assert len(tuned.curve) == 1
    assert list(tuned.to_frame().columns) == ["figure", "before", "after"]
    assert "Epochs" in tuned._repr_html_()
    assert list(run.tuned.design) == [design]
    exported = run.export(design, out=tmp_path / "deployed", quiet=True)
    assert exported.design.tuned
    assert "\n" not in repr(exported)
    network = ff.load(exported.paths["packed"])
    assert repr(network).startswith("<Packed Sequential: 3 layers in ")
    outputs = network(torch.from_numpy(parts()["test"][0]))
    assert outputs.shape == (20, 3)
    assert ff.load(exported.paths["packed"], network=(tiny(), torch.zeros(1, 1, 6, 6))).name == "Sequential"
    with pytest.raises(ff.FilterfrontError, match=r"packed\.safetensors is for digits-cnn"):
        ff.load(exported.paths["packed"], network="digits-cnn")


def test_c_is_written_too(run, design, tmp_path):
    exported = run.export(design, out=tmp_path / "out", c=True, target="cortex-m4", quiet=True)
    assert exported.paths["c"] == tmp_path / "out" / "c"
    assert "arm-none-eabi-gcc" in (tmp_path / "out" / "c" / "Makefile").read_text()
    assert exported.c.host.right or not exported.c.host.compiler
    with pytest.raises(ff.FilterfrontError, match="got z80; a target is one of host, cortex-m0plus") as caught:
        run.export(design, out=tmp_path / "other", c=True, target="z80")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "other").exists()


def test_a_program_that_answers_otherwise_is_not_written(run, design, tmp_path, monkeypatch):
    """20 test images: 3 fewer right answers than the packed file's are more than a tenth of them, 2 are not."""

    def fewer(*arguments):
        found = c_export(*arguments)
        rounding = replace(found.rounding, correct=found.rounding.correct_other - lost)
        return replace(found, rounding=rounding)

    monkeypatch.setattr("explorer.runs.export.c_export", fewer)
    lost = 2
    assert run.export(design, out=tmp_path / "close", c=True, quiet=True).paths["c"].exists()
    lost = 3
    with pytest.raises(ff.FilterfrontError, match="3 fewer right answers to 20 images; the C program"):
        run.export(design, out=tmp_path / "apart", c=True, quiet=True)
    assert not (tmp_path / "apart").exists()


def test_a_run_that_is_read_needs_the_objects_of_its_search_again(run, design, searched, tmp_path):
    read = ff.load_run(run.folder)
    with pytest.raises(
        ff.FilterfrontError, match=r"was an object in Python and is needed again.*as data= of filterfront"
    ):
        read.export(design, out=tmp_path / "a")
    read = ff.load_run(run.folder, network=searched[1], data=parts())
    assert read.export(design, out=tmp_path / "a", quiet=True).paths["packed"].is_file()
    other = ff.load_run(run.folder, network=tiny().apply(_zero), data=parts())
    with pytest.raises(ff.FilterfrontError, match="weights are those of the search"):
        other.export(design, out=tmp_path / "b")
    with pytest.raises(ff.FilterfrontError, match="needed again"):
        reopen(run.folder, design)


def _zero(module):
    if isinstance(module, nn.Conv2d):
        nn.init.zeros_(module.weight)


def test_the_report_is_drawn_again(run, design):
    page = run.folder / "report.html"
    page.unlink()
    assert run.report(design[:9]) == page
    assert page.is_file()


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(ff.FilterfrontError, match=r"a run folder holds run\.json"):
        ff.load_run(tmp_path)
    with pytest.raises(TypeError, match="got 3; a run folder is a path"):
        ff.load_run(3)
