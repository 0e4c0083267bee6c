"""The files in examples/ do what their first lines say."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_network_of_ones_own_is_costed_with_its_groups_and_string_padding(run_filterfront):
    scheme = "sparse-basis(segments=2, filters=1/2, basis_bits=2)"
    done = run_filterfront("cost", "--network", f"{EXAMPLES}/my_network.py:build", "--scheme", scheme, "--json")
    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    stem, block, head = table["layers"]
    assert stem["storage"] == {"weights": 32 * 16 * 1 * 9, "scales": 0}  # one input channel has no two segments
    assert list(table["kept_dense"]) == ["stem"]
    assert block["storage"]["basis"] == 4 * 2 * (2 * 2 * 9)  # four groups, 2 bits, two filters of 2 channels, 3x3
    assert head["shape"] == "16->10 1x1 at 1x1"
    assert table["unknown_operations"] == []


def test_resnet8_has_the_counts_that_it_says(run_filterfront):
    done = run_filterfront("cost", "--network", f"{EXAMPLES}/resnet8.py:build", "--scheme", "dense", "--json")
    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    wide, middle, narrow = 16 * 16 * 9, 32 * 32 * 9, 64 * 64 * 9
    weights = [16 * 9, 2 * wide, 16 * 32 * 9, middle, 16 * 32, 32 * 64 * 9, narrow, 32 * 64, 64 * 10]
    assert sum(weights) == 77_072
    places = [28 * 28, 28 * 28, 14 * 14, 14 * 14, 14 * 14, 7 * 7, 7 * 7, 7 * 7, 1]
    totals = table["totals"]
    assert totals["macs"] == sum(count * place for count, place in zip(weights, places, strict=True)) == 9_345_920
    assert "77,072 weights, 9.35 million MAC" in (EXAMPLES / "resnet8.py").read_text()


@pytest.fixture(scope="module")
def own_run(run_filterfront, tmp_path_factory):
    """A search over one's own network, data, board and space."""
    folder = tmp_path_factory.mktemp("own") / "run"
    options = {
        "--network": f"{EXAMPLES}/my_network.py:build",
        "--data": f"{EXAMPLES}/my_data.py:parts",
        "--device": EXAMPLES / "my_board.toml",
        "--space": EXAMPLES / "my_space.toml",
        "--trials": "12",
        "--out": folder,
    }
    done = run_filterfront("search", *(part for option in options.items() for part in option))
    assert done.returncode == 0, done.stderr
    return folder


def test_a_search_over_ones_own_network_data_board_and_space(own_run):
    info = json.loads((own_run / "run.json").read_text())
    assert info["device"]["name"] == "my-board"
    assert (info["data"]["train"], info["data"]["validation"], info["data"]["test"]) == (300, 150, 150)
    limits = {budget["name"]: budget["limit"] for budget in info["budgets"]}
    # 480 KiB less the program and 8 KiB of the user's own; the arena has SRAM1, and the stack and buffers SRAM2.
    need = next(need for need in info["needs"] if need["target"] == "cortex-m4")
    flash = 480 * 1024 - need["code_bytes"] - need["table_bytes"] - 8 * 1024
    assert limits == {"flash": flash, "SRAM": 64 * 1024 - need["arena_bytes"]}
    schemes = {row.split(",")[2] for row in (own_run / "layers.csv").read_text().splitlines()[1:]}
    assert schemes <= {"dense", "stacked-binary", "sparse-basis"}


def test_a_design_is_fine_tuned(trained_digits, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fine_tune.py", "1"])
    runpy.run_path(str(EXAMPLES / "fine_tune.py"), run_name="__main__")
    found = re.search(
        r"float (.*)%, as fitted (.*)%, with new batch statistics (.*)%, after 1 epochs (.*)%", capsys.readouterr().out
    )
    float_share, fitted, reestimated, tuned = (float(share) for share in found.groups())
    assert float_share == pytest.approx(100 * trained_digits[1].test_accuracy, abs=0.01)
    assert fitted < min(reestimated, tuned)
    assert (tmp_path / "fine_tune.pt").exists()
