"""The main job through the real command: run folders, budgets, resuming, interruption."""

import json
import os
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from costmodels import LayerUsage, NetworkSpec, load_device, network_cost, parse_scheme
from costmodels.program_need import ProgramNeed
from explorer.forms.fitting import fit
from explorer.measurement.activation_ranges import ActivationRange, ActivationRanges
from explorer.measurement.batch_statistics import with_statistics
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.measurement.quantized_graph import quantized_graph
from reports.run_folder import read_run

PARTS = ("run.json", "study.journal", "front.csv", "trials.csv", "layers.csv", "baselines.csv")
PICTURES = ("front.png", "front.svg", "layers.png", "layers.svg", "report.html")
PAPERS = {"stacked-binary", "linear-representation", "sparse-basis"}

TINY_TRIALS = 20
TINY = (
    *("--network", "net.py:build", "--data", "data.py:parts", "--flash", "4KiB"),
    *("--no-gap", "--schemes", "dense,linear-representation", "--trials", TINY_TRIALS),
)


def trials_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "trials.csv", dtype={"design": str})


def recomputed(folder: Path, design: str):
    """The cost of a design from designs/<id>.json alone."""
    plain = json.loads((folder / "designs" / f"{design}.json").read_text())
    network = NetworkSpec.from_json(plain["network"])
    shapes = {layer.name: layer.shape for layer in network.layers}
    schemes = {name: parse_scheme(item["scheme"]).resolve(shapes[name]) for name, item in plain["layers"].items()}
    usages = {name: LayerUsage(**item["usage"]) for name, item in plain["layers"].items()}
    return network_cost(network, schemes, plain["activation_bits"], usages, plain["sram_limit_bytes"])


def test_the_run_folder_is_whole(demo):
    for name in (*PARTS, *PICTURES):
        assert (demo / name).stat().st_size > 0, name
    front = pd.read_csv(demo / "front.csv", dtype={"design": str})
    assert {f"{design}.json" for design in front["design"]} == set(os.listdir(demo / "designs"))
    assert json.loads((demo / "run.json").read_text())["status"] == "done"


def test_the_demo_network_is_really_trained(demo):
    info = json.loads((demo / "run.json").read_text())
    assert info["training"]["test_accuracy"] >= 0.975
    assert info["float"]["test_accuracy"] >= 0.975


def test_the_budgets_of_a_device_are_what_the_exported_program_leaves(demo):
    info = json.loads((demo / "run.json").read_text())
    limits = {budget["column"]: budget["limit"] for budget in info["budgets"]}
    (need,) = (ProgramNeed(**plain) for plain in info["needs"] if plain["target"] == "cortex-m4")
    assert limits["flash_bytes"] == 256 * 1024 - need.code_bytes - need.table_bytes - 8 * 1024
    assert limits["sram_bytes"] == 64 * 1024 - need.stack_bytes - need.buffer_bytes - 1536 - need.arena_bytes
    assert need.buffer_bytes == 8 * 8 + 4 * 10
    baselines = pd.read_csv(demo / "baselines.csv", dtype={"design": str}).set_index("weight_bits")
    assert baselines.loc[8, "feasible"]
    # Both ways of measuring are said: statistics re-estimated as for designs, and the float network's own.
    assert baselines["accuracy_own_statistics"].between(0, 1).all()
    assert baselines.loc[1, "accuracy"] > baselines.loc[1, "accuracy_own_statistics"]


@pytest.mark.parametrize("run", ["demo", "resnet20"])
def test_every_front_row_fits_the_device_and_is_counted_again_from_its_file(run, request):
    folder = request.getfixturevalue(run)
    info = json.loads((folder / "run.json").read_text())
    device = load_device(info["device"]["name"])
    limits = {budget["column"]: budget["limit"] for budget in info["budgets"]}
    front = pd.read_csv(folder / "front.csv", dtype={"design": str})
    assert len(front) > 3
    for _, row in front.iterrows():
        cost = recomputed(folder, row["design"])
        for column in ("storage_bytes", "flash_bytes", "sram_bytes", "macs", "additions", "bit_ops"):
            assert getattr(cost, column) == row[column], column
        assert cost.flash_bytes <= limits["flash_bytes"] < device.flash_usable_bytes
        assert cost.sram_bytes <= limits["sram_bytes"] < device.ram_usable_bytes


@pytest.mark.parametrize("run", ["demo", "resnet20"])
def test_layers_sum_to_designs(run, request):
    folder = request.getfixturevalue(run)
    front = pd.read_csv(folder / "front.csv", dtype={"design": str}).set_index("design")
    layers = pd.read_csv(folder / "layers.csv", dtype={"design": str})
    components = [name for name in layers.columns if name.startswith("bits_")]
    assert (layers[components].sum(axis=1) == layers["storage_bits"]).all()
    sums = layers.groupby("design")[["storage_bits", "macs", "additions", "bit_ops"]].sum()
    for design, row in sums.iterrows():
        assert -(-row["storage_bits"] // 8) == front.loc[design, "storage_bytes"]
        for column in ("macs", "additions", "bit_ops"):
            assert row[column] == front.loc[design, column]


def test_the_front_is_what_the_trials_say(demo):
    trials, front = trials_of(demo), pd.read_csv(demo / "front.csv", dtype={"design": str})
    fitting = trials[(trials["state"] == "measured") & trials["feasible"]]
    points = fitting[["accuracy", "flash_bytes"]].to_numpy(dtype=float) * [-1, 1]
    best = {
        (point[0], point[1])
        for point in points
        if not any((other <= point).all() and (other < point).any() for other in points)
    }
    assert best == set(zip(-front["accuracy"], front["flash_bytes"], strict=True))
    measured = trials[trials["state"] == "measured"]
    assert measured["design"].is_unique


def test_each_papers_method_is_measured_and_some_are_on_the_front(demo):
    trials, front = trials_of(demo), pd.read_csv(demo / "front.csv", dtype={"design": str})
    assert {name for methods in trials["methods"] for name in methods.split(";")} >= PAPERS
    assert {name for methods in front["methods"] for name in methods.split(";")} & PAPERS


def test_without_data_the_report_says_so(resnet20):
    page = (resnet20 / "report.html").read_text()
    assert "No data were given" in page
    assert "random weights (seed 0)" in page
    assert "accuracy" not in pd.read_csv(resnet20 / "front.csv", dtype={"design": str}).columns


@pytest.fixture
def tiny(run_filterfront):
    """Searches the small network of the examples in a folder that holds it."""

    def search(folder: Path, name: str, *options, code=0):
        done = run_filterfront("search", *TINY, "--out", name, *options, cwd=folder)
        assert done.returncode == code, done.stderr
        return done

    return search


@pytest.fixture
def whole(tiny, once, folder) -> Path:
    """A search of the small network in one go."""

    def search(place: Path) -> None:
        place.mkdir()
        for name in ("net.py", "data.py"):
            shutil.copy(folder / name, place)
        tiny(place, "run")

    return once("whole", search) / "run"


def test_seeded_searches_repeat_exactly(tiny, whole, folder):
    tiny(folder, "again")
    before, again = (trials_of(run).drop(columns="seconds") for run in (whole, folder / "again"))
    pd.testing.assert_frame_equal(before, again)


@pytest.fixture(scope="module")
def resumed(search, demo, once) -> Path:
    """The finished demo resumed, and what that printed."""

    def resume(folder: Path) -> None:
        shutil.copytree(demo, folder / demo.name)  # a study has the name of its folder
        done = search(folder / demo.name, "--calibration-images", 0, "--resume", "--no-gap", "--json")
        (folder / demo.name / "printed").write_text(json.dumps([done.stdout, done.stderr]))

    return once("resumed", resume) / demo.name


def test_a_finished_search_resumes_to_the_same_report(resumed, demo):
    assert (resumed / "trials.csv").read_bytes() == (demo / "trials.csv").read_bytes()


def test_resuming_under_another_budget_is_refused_with_what_differs(tiny, whole, folder):
    shutil.copytree(whole, folder / "run")
    done = tiny(folder, "run", "--resume", "--flash", "5KiB", "--no-batch-statistics", code=2)
    assert "budgets" in done.stderr
    assert "5120" in done.stderr
    assert "batch_statistics: 256 then, null now" in done.stderr


def test_a_designs_file_holds_the_network_that_was_measured(demo, traced_digits, digits, count_right):
    """Its forms with the weights give the accuracies of the tables, by torch alone."""
    row = (
        pd.read_csv(demo / "front.csv", dtype={"design": str})
        .query("accuracy > 0.8")
        .nlargest(1, "compression_ratio")
        .iloc[0]
    )
    plain = json.loads((demo / "designs" / f"{row['design']}.json").read_text())
    statistics = {name: torch.tensor(values) for name, values in plain["batch_statistics"].items()}
    ranges = {name: ActivationRange(*ends) for name, ends in plain["activation_ranges"].items()}
    traced = with_statistics(traced_digits, statistics)
    graph = quantized_graph(traced, ActivationRanges(plain["activation_bits"], ranges))
    weights = {name: torch.tensor(values) for name, values in plain["biases"].items()}
    for layer in traced.spec.layers:
        scheme = parse_scheme(plain["layers"][layer.name]["scheme"]).resolve(layer.shape)
        fitted = fit(traced.weights[layer.name], layer.shape, scheme).weights
        weights[layer.weight] = torch.from_numpy(fitted).reshape(graph.get_parameter(layer.weight).shape)
    for part, column in (("validation", "accuracy"), ("test", "test_accuracy")):
        split = digits.part(part)
        assert count_right(graph, weights, split) == round(row[column] * len(split))
    own = {name: value for name, value in traced_digits.graph.named_buffers() if name in statistics}
    assert len(own) == len(statistics) == 8
    assert not any(torch.equal(own[name], statistics[name]) for name in own)


def test_a_stopped_search_loses_no_finished_trial_and_goes_on_where_it_was(
    tiny, whole, folder, began, make_gate, until
):
    """Killed, gone on, interrupted, gone on to the end."""
    command = ("search", *TINY, "--resume", "--out", "stopped")
    gate = make_gate(DesignEvaluator.figures, 5)
    first = began(gate, *command)
    until(lambda: len(gate.came()) == 6, first)  # the sixth is in hand
    os.killpg(first.pid, signal.SIGKILL)
    first.ended(-signal.SIGKILL)
    assert finished_in(folder / "stopped" / "study.journal") == 5
    gate = make_gate(DesignEvaluator.figures, 8, {"explorer.measurement.layer_fits:ALONE_SECONDS": 0})
    second = began(gate, *command)
    until(lambda: len(gate.came()) == 9, second)
    assert finished_in(folder / "stopped" / "study.journal") == 13
    os.killpg(second.pid, signal.SIGINT)  # as a terminal does: the processes that fit layers get it too
    gate.let()
    assert "interrupted" in second.ended(130)
    assert 13 <= len(read_run(folder / "stopped").trials) < TINY_TRIALS
    tiny(folder, "stopped", "--resume")
    once, stopped = trials_of(whole), trials_of(folder / "stopped")
    assert len(stopped) == TINY_TRIALS
    assert stopped["design"].tolist() == once["design"].tolist()
    np.testing.assert_array_equal(stopped["accuracy"], once["accuracy"])


def finished_in(journal: Path) -> int:
    """The operations that set a trial's state to 1, Optuna's COMPLETE."""
    return len(re.findall(r'"state": ?1\b', journal.read_text()))


def test_no_design_that_fits_is_said_with_the_nearest(run_filterfront, tmp_path):
    """Each budget can be met alone, and both can: 3 trials find no design that does, the whole space has one."""
    budgets = ("--flash", "3600B", "--sram", "6144B")
    options = (*budgets, "--sampler", "random", "--trials", "3", "--calibration-images", 0, "--out", tmp_path / "none")
    done = run_filterfront("search", *options)
    assert done.returncode == 1
    assert "run more trials: designs of the space do meet them all" in done.stderr
    assert "no measured design meets all budgets at once" in done.stderr
    assert "flash allows 3,600 bytes" in done.stderr
    assert "would do for a measured design: flash of " in done.stderr


def test_json_output_is_one_document_and_the_bar_is_quiet(resumed, demo):
    stdout, stderr = json.loads((resumed / "printed").read_text())
    plain = json.loads(stdout)
    assert plain["folder"] == str(resumed)
    assert {row["design"] for row in plain["front"]} == set(
        pd.read_csv(demo / "front.csv", dtype={"design": str})["design"]
    )
    assert "searching" not in stderr


def test_a_report_is_drawn_again_from_the_tables(run_filterfront, demo, tmp_path):
    done = run_filterfront("report", demo)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == f"report: {demo / 'report.html'}"
    assert [line.partition(":")[0] for line in lines[1:]] == ["Recommended", "Why", "Next"]
    design = pd.read_csv(demo / "front.csv", dtype={"design": str})["design"].iloc[-1]
    assert run_filterfront("report", demo, "--design", design).returncode == 0
    assert f'<span id="layers-title">{design}' in (demo / "report.html").read_text()
    unknown = run_filterfront("report", demo, "--design", "nonesuch")
    assert unknown.returncode == 2
    assert "nonesuch" in unknown.stderr
    refused = run_filterfront("report", tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("filterfront: ")
