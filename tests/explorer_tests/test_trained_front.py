"""A search whose front is of trained designs, through the real command."""

import json
import signal
from pathlib import Path

import pandas as pd
import pytest

from explorer.config.search import make_config
from explorer.finetuning.rung_trainer import RungTrainer
from explorer.system.errors import ConfigError
from reports.run_folder import read_run
from reports.trained_designs import deployable, fitted_front

TRIALS, EPOCHS = 16, 4
SEARCH = (
    *("search", "--network", "net.py:build", "--data", "data.py:parts", "--flash", "4KiB", "--no-gap"),
    *("--schemes", "dense,ternary", "--calibration-images", "0", "--trials", TRIALS, "--trained", EPOCHS),
)


@pytest.fixture
def whole(run_filterfront, once, folder) -> Path:
    """A search from its beginning to its end."""

    def run(place):
        place.mkdir(exist_ok=True)
        for name in ("net.py", "data.py"):
            (place / name).write_bytes((folder / name).read_bytes())
        done = run_filterfront(*SEARCH, "--out", "run", cwd=place)
        assert done.returncode == 0, done.stderr

    return once("trained-front", run) / "run"


def of(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", dtype={"design": str})


def test_one_design_in_8_is_trained_and_of_these_one_in_4_for_all_epochs(whole):
    """16 trials: 2 designs for 1 epoch, 1 of them for 4."""
    trained = of(whole, "trained")
    assert trained["epochs"].tolist() == [1, 1, 4]
    assert set(trained["design"][trained["epochs"] == 4]) <= set(trained["design"][trained["epochs"] == 1])
    trials = of(whole, "trials")
    assert len(trials) == TRIALS
    assert set(trained["design"]) <= set(trials["design"])
    assert {path.stem for path in (whole / "tuned").glob("*.json")} == set(trained["design"])


def test_the_front_is_of_what_would_be_deployed(whole):
    """Every design as its best training left it, the others as fitted; none dominates another."""
    run = read_run(whole)
    states = deployable(run.trials, run.trained, run.info.objectives).set_index("design")
    best = run.trained.sort_values(["accuracy", "epochs"]).drop_duplicates("design", keep="last").set_index("design")
    for design, row in best.iterrows():
        assert states.loc[design, "epochs"] == row["epochs"]
        assert states.loc[design, "accuracy"] == row["accuracy"]
    front = run.front.set_index("design")
    assert set(front["epochs"]) & {1, 4}
    points = states[states["feasible"]][["accuracy", "flash_bytes"]].to_numpy(float) * [-1, 1]
    best = {
        tuple(point)
        for point in points
        if not any((other <= point).all() and (other < point).any() for other in points)
    }
    assert best == set(zip(-front["accuracy"], front["flash_bytes"].astype(float), strict=True))
    assert len(fitted_front(run)) > 0


def test_a_trained_design_is_counted_described_and_exported_as_it_was_trained(whole, run_filterfront):
    front, layers = of(whole, "front"), of(whole, "layers")
    chosen = front[front["epochs"] > 0].iloc[0]
    design = chosen["design"]
    facts = json.loads((whole / "tuned" / f"{design}.json").read_text())
    assert facts["key"]["recipe"]["epochs"] == chosen["epochs"]
    assert facts["after"]["accuracy"] == chosen["accuracy"]
    own = layers[layers["design"] == design]
    assert set(own["fit"]) == {"trained"}
    assert -(-own["storage_bits"].sum() // 8) == chosen["storage_bytes"]
    done = run_filterfront("export", whole, "--design", design, "--out", "packed.safetensors", cwd=whole.parent)
    assert done.returncode == 0, done.stderr
    options = ("--data", "data.py:parts", "--part", "validation", "--json")
    ran = run_filterfront("run", "packed.safetensors", *options, cwd=whole.parent)
    assert ran.returncode == 0, ran.stderr
    measured = json.loads(ran.stdout)["measured"]
    # An image on the edge between two classes may fall the other way: sums are rounded in another order.
    assert measured["accuracy"] == pytest.approx(chosen["accuracy"], abs=1.5 / measured["images"])


def test_the_page_says_how_long_and_draws_what_was_before(whole):
    page = (whole / "report.html").read_text()
    assert "as fitted, before training" in page
    assert '"trained": true' in page.replace('"trained":true', '"trained": true')


def test_other_budgets_are_answered_with_trained_designs(whole):
    import filterfront as ff

    run = ff.load_run(whole)
    smallest = run.front.sort_values("flash_bytes").iloc[0]
    found = run.within(flash=int(smallest["flash_bytes"])).front.set_index("design")
    assert found.loc[smallest["design"], "accuracy"] == smallest["accuracy"]
    assert found.loc[smallest["design"], "epochs"] == smallest["epochs"]


def test_a_search_that_was_stopped_while_it_trained_goes_on_to_the_same_front(
    whole, folder, began, make_gate, until, run_filterfront
):
    """Killed at the second training: the first is not done again."""
    gate = make_gate(RungTrainer.figures, 1)
    stopped = began(gate, *SEARCH, "--out", "stopped")
    until(lambda: len(gate.came()) == 2, stopped)
    stopped.kill()
    stopped.ended(-signal.SIGKILL)
    again = make_gate(RungTrainer.figures, 100)
    began(again, *SEARCH, "--out", "stopped", "--resume").ended()
    assert len(again.came()) == 2
    for name in ("front", "trained"):
        pd.testing.assert_frame_equal(
            *(of(place, name).drop(columns="seconds", errors="ignore") for place in (whole, folder / "stopped"))
        )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"network": "resnet20-cifar"}, "give --data too"),
        ({"finetune_top": 2}, "leave --finetune-top out"),
        ({"objectives": "distortion,flash"}, "one objective that training changes"),
        ({"objectives": "accuracy,loss,flash"}, "one objective that training changes"),
        ({"objectives": "accuracy,flash,sram,macs"}, "at most 2 of costs"),
        ({"trained": 0}, "--trained"),
    ],
)
def test_what_training_cannot_change_is_refused_at_once(options, said):
    with pytest.raises(ConfigError, match=said):
        make_config(**{"trained": 4, **options})
