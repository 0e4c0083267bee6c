"""The commands around a finished run: show, status, within, compare, and a search from a file of options."""

import json

import pandas as pd
import pytest

from costmodels.file_content import MOST_OPTION_BYTES
from explorer.api import load_run
from explorer.config.file import read_config
from explorer.measurement.design_evaluator import DesignEvaluator
from explorer.runs.status import run_status
from explorer.system.errors import ConfigError

TRIALS = 12
SEARCH = (
    *("search", "--network", "net.py:build", "--data", "data.py:parts", "--flash", "4KiB", "--sampler", "random"),
    *("--no-gap", "--trials", TRIALS),
)


@pytest.fixture(scope="module")
def searched(run_filterfront, once):
    """A folder with the example network, its data, and a search of them in ``run``."""
    import shutil
    from pathlib import Path

    examples = Path(__file__).parents[2] / "examples"

    def search(place):
        place.mkdir()
        shutil.copy(examples / "my_network.py", place / "net.py")
        shutil.copy(examples / "my_data.py", place / "data.py")
        done = run_filterfront(*SEARCH, "--out", "run", cwd=place)
        assert done.returncode == 0, done.stderr

    return once("around", search)


@pytest.fixture
def tell(run_filterfront, searched):
    """Runs a command in the folder of the search: what it prints, read where it is JSON."""

    def run(*arguments, code=0):
        done = run_filterfront(*arguments, cwd=searched)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if "--json" in arguments and code in (0, 1) else done.stdout + done.stderr

    return run


def front_of(folder):
    return pd.read_csv(folder / "run" / "front.csv", dtype={"design": str})


def test_a_run_is_shown_as_its_search_printed_it(tell, searched):
    shown, plain = tell("show", "run"), tell("show", "run", "--json")
    assert all(design in shown for design in front_of(searched)["design"])
    assert "Uniform quantization" in shown
    first = plain["recommended"]["design"]
    assert shown.splitlines()[-4:] == [
        "report: run/report.html",
        f"Recommended: {first}. {plain['recommended']['said']}",
        f"Why: {plain['recommended']['why_this_one']}",
        f"Next: {plain['recommended']['export']}",
    ]
    assert load_run(searched / "run").recommended == first
    assert plain["recommended"]["export"].startswith(f"filterfront export run --design {first}")
    assert (plain["status"], plain["counts"]["trials"]) == ("done", TRIALS)
    assert [row["design"] for row in plain["front"]] == front_of(searched)["design"].tolist()


def test_a_design_is_shown_layer_by_layer_by_the_beginning_of_its_id(tell, searched):
    design = front_of(searched)["design"][0]
    layers = pd.read_csv(searched / "run" / "layers.csv", dtype={"design": str})
    layers = layers[layers["design"] == design]
    plain = tell("show", "run", design[:6], "--json")
    assert plain["figures"]["design"] == design
    assert [row["layer"] for row in plain["layers"]] == layers["layer"].astype(str).tolist()
    assert [row["storage_bits"] for row in plain["layers"]] == layers["storage_bits"].tolist()
    shown = tell("show", "run", design[:6])
    assert f"filterfront export run --design {design}" in shown
    refused = tell("show", "run", "nonesuch", code=2)
    assert "a design is one of the run's front; choose of " in refused
    assert refused.count("\n") == 1


def test_within_is_the_front_of_the_trials_that_fit(tell, searched):
    trials = pd.read_csv(searched / "run" / "trials.csv", dtype={"design": str})
    trials = trials[trials["state"] == "measured"].drop_duplicates("design")
    limit = int(trials["flash_bytes"].median())
    plain = tell("within", "run", "--flash", f"{limit}B", "--json")
    assert plain["budgets"] == {"flash_bytes": limit}
    fitting = trials[trials["flash_bytes"] <= limit]
    best = fitting["accuracy"].max()
    assert max(row["accuracy"] for row in plain["front"]) == best
    assert all(row["flash_bytes"] <= limit for row in plain["front"])
    assert "A search under these budgets may find better designs." in plain["notes"]
    assert "nothing measured again" in tell("within", "run", "--flash", f"{limit}B")


def test_a_budget_is_lifted_by_none_and_one_that_nothing_keeps_ends_with_1(tell):
    assert tell("within", "run", "--flash", "none", "--json")["budgets"] == {}
    assert tell("within", "run", "--flash", "1B", "--json", code=1)["front"] == []
    said = tell("within", "run", "--flash", "1B", code=1)
    assert "Least flash measured" in said
    assert "--flash: got -1" in tell("within", "run", "--flash", "-1", code=2)


def test_runs_are_compared_in_one_table_and_one_picture(tell, searched, tmp_path):
    plain = tell("compare", "run", "run", "--json")
    assert [row["run"] for row in plain["runs"]] == ["run (1)", "run (2)"]
    assert [row["hypervolume_share"] for row in plain["runs"]] == [1.0, 1.0]
    shown = tell("compare", "run", "run", "--plot", tmp_path / "fronts.svg")
    assert "run (1)" in shown
    assert (tmp_path / "fronts.svg").read_text().lstrip().startswith("<?xml")
    assert "two runs or more are compared" in tell("compare", "run", code=2)
    assert "end it in .png, .svg, .pdf" in tell("compare", "run", "run", "--plot", tmp_path / "fronts.doc", code=2)


def test_the_status_of_a_finished_search(tell, searched):
    plain = tell("status", "run", "--json")
    trials = pd.read_csv(searched / "run" / "trials.csv", dtype={"design": str})
    fitting = trials[trials["feasible"]]
    assert (plain["state"], plain["study"], plain["trials"], plain["finished"]) == ("done", "run", TRIALS, TRIALS)
    assert (plain["running"], plain["failed"], plain["seconds_left"]) == (0, 0, 0.0)
    assert plain["best"] == {"accuracy": fitting["accuracy"].max(), "flash": fitting["flash_bytes"].min()}
    said = tell("status", "run")
    assert f"run: done, {TRIALS} of {TRIALS} trials finished" in said
    assert f"best accuracy: {100 * fitting['accuracy'].max():.2f}%" in said
    assert f"best flash: {fitting['flash_bytes'].min():.0f} B" in said  # of a network of a few bytes
    assert "a run folder holds study.journal" in tell("status", ".", code=2)


def test_the_status_of_a_search_that_runs(folder, began, make_gate, until, run_filterfront):
    gate = make_gate(DesignEvaluator.figures, 4)
    search = began(gate, *SEARCH, "--out", "run")
    until(lambda: len(gate.came()) == 5, search)
    with (folder / "run" / "study.journal").open("a") as journal:
        journal.write('{"op_code":5,"wor')  # what a reader may see of a line that is being written
        journal.flush()
        found = run_status(folder / "run")
        journal.truncate(journal.tell() - 17)
    assert (found.state, found.finished, found.trials, found.report) == ("searching", 4, TRIALS, None)
    assert found.seconds_left is not None
    assert any("searching, 4 of 12 trials finished" in line for line in found.lines())
    gate.let()
    search.ended()
    assert run_status(folder / "run").state == "done"


def test_options_come_from_a_file_and_flags_win(run_filterfront, folder):
    (folder / "options.toml").write_text(
        'network = "net.py:build"\nflash = "4KiB"\nsampler = "random"\ngap = false\ntrials = 9\nseed = 7\n'
        'schemes = ["dense(weight_bits=4)", "dense(weight_bits=8)"]\nactivation-bits = 8\n'
        '[layers]\nfirst = "dense(weight_bits=8)"\n'
    )
    done = run_filterfront("search", "--config", "options.toml", "--trials", 2, "--out", "one", cwd=folder)
    assert done.returncode == 0, done.stderr
    first = json.loads((folder / "one" / "run.json").read_text())["configuration"]
    assert (first["trials"], first["seed"], first["flash"]) == (2, 7, 4096)
    assert first["schemes"] == ["dense(weight_bits=4)", "dense(weight_bits=8)"]
    assert first["layers"] == {"first": "dense(weight_bits=8)"}
    done = run_filterfront("search", "--config", "one/run.json", "--seed", 8, "--out", "two", cwd=folder)
    assert done.returncode == 0, done.stderr
    second = json.loads((folder / "two" / "run.json").read_text())["configuration"]
    assert {**second, "seed": 7, "out": "one"} == first


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", "trails = 3", "a.toml has trails; a file of options holds options of search; use activation-bits, "),
        ("a.toml", "trials = ", "--config is a TOML file, or a run.json; mend it"),
        ("a.toml", "a = " + "[" * 100_000, "--config is a TOML file"),
        ("a.json", "[1]", "a.json with a list"),
        ("a.json", "{", "--config is a TOML file"),
        ("a.json", '{"configuration": 3}', "a run.json has the configuration of its search"),
        ("a.json", '{"configuration": {"objects": ["network"]}}', "network given as objects; a search of objects"),
        ("a.toml", "#" * (MOST_OPTION_BYTES + 1), "are read at most"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_file_of_options(tmp_path):
    with pytest.raises(ConfigError, match="--config is a TOML file"):
        read_config(tmp_path)
