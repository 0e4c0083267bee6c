"""The command line as users and programs meet it.

What is printed is checked in processes of their own; what is refused, through the same entry point in this process,
where torch is loaded once.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

import explorer
from costmodels import list_devices
from costmodels.references import REFERENCES
from costmodels.schemes import COMPONENTS, SCHEMES
from costmodels.text import ALIASES
from explorer.cli import COMMANDS, main
from explorer.networks.zoo import ZOO

HEAVY = ("torch", "optuna", "pandas", "matplotlib", "sklearn", "scipy", "numba")
NETS = """
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 1), nn.Conv2d(6, 3, 3)), torch.zeros(1, 4, 8, 8)

def pointwise():
    return nn.Conv2d(4, 8, 1), torch.zeros(1, 4, 8, 8)

def broken():
    raise ValueError("no weights\\nhere")

def nan():
    net, example = build()
    net[0].weight.data[0, 0, 0, 0] = float("nan")
    return net, example

def odd():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 8, 3)
        def forward(self, x):
            return torch.erfinv(self.conv(x))
    return Odd(), torch.zeros(1, 4, 8, 8)
"""
ROOT = str(Path(explorer.__file__).parents[1])
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])}
"""Lets a process in any folder run the package that is tested, installed or not."""
LINEAR = "linear-representation(templates=4)"


@pytest.fixture(scope="session")
def filterfront():
    """Runs the command in a process of its own; no run of it may print a traceback unless it is asked to."""

    def run(*arguments, **options):
        command = [sys.executable, "-m", "filterfront", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=ENVIRONMENT, **options)
        assert "--debug" in arguments or "Traceback" not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def here(capfd):
    """Runs the command in this process."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return SimpleNamespace(returncode=ended.value.code or 0, stdout=out, stderr=err)

    return run


@pytest.fixture
def refused(here, tmp_path, monkeypatch):
    """Runs a command that must be refused in one line, before it trains or leaves anything; returns the line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.setattr("explorer.training.trained_cache.train", lambda *_, **__: pytest.fail("training began"))

    def run(*arguments, code=2):
        before = set(tmp_path.rglob("*"))
        done = here(*arguments)
        assert (done.returncode, done.stdout) == (code, "")
        assert done.stderr.startswith("filterfront: ")
        assert done.stderr.count("\n") == 1
        made = set(tmp_path.rglob("*")) - before
        assert not {path for path in made if "__pycache__" not in path.parts}
        return done.stderr

    return run


@pytest.fixture(scope="session")
def nets(tmp_path_factory):
    path = tmp_path_factory.mktemp("nets") / "nets.py"
    path.write_text(NETS)
    return path


@pytest.fixture(scope="session")
def resnet20_json(run_filterfront):
    done = run_filterfront("cost", "--network", "resnet20-cifar", "--scheme", LINEAR, "--keep", "first", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


# Help and imports


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(here, command):
    done = here(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    example = f"filterfront {command}" if command not in ("networks", "schemes") else "filterfront cost --network"
    assert f"\n  {example}" in done.stdout
    assert "--debug" in done.stdout


def test_help_names_every_command(here):
    done = here("--help")
    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)
    assert "\n  filterfront search " in done.stdout


def test_no_command_and_a_wrong_one(here):
    assert "Usage: filterfront" in here().stderr
    wrong = here("serch")
    assert wrong.returncode == 2
    assert "No such command 'serch'" in wrong.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["search", "--help"], ["cost", "--help"], ["schemes"], ["networks"], ["devices"]],
    ids=" ".join,
)
def test_help_and_listings_load_nothing_heavy(arguments):
    report = f"""
import sys
from explorer.cli import main
try:
    main({arguments!r})
finally:
    print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, env=ENVIRONMENT)
    assert (done.returncode, done.stderr.split()) == (0, [])


def test_the_version(filterfront):
    assert version("filterfront") in filterfront("--version").stdout


# Cost


def test_cost_in_json_keeps_the_contract(resnet20_json):
    assert {"network", "scheme", "convention", "layers", "totals"} <= resnet20_json.keys()
    assert resnet20_json["network"] == "resnet20-cifar"
    assert resnet20_json["scheme"] == LINEAR
    for layer in resnet20_json["layers"]:
        assert layer.keys() >= {
            "name",
            "shape",
            "scheme",
            "storage",
            "storage_bits",
            "macs",
            "additions",
            "multiplications",
            "bit_ops",
            "execution",
            "scratch_bytes",
        }
        assert layer["storage"].keys() <= set(COMPONENTS)
        assert sum(layer["storage"].values()) == layer["storage_bits"]
        assert layer["execution"] in ("direct", "shared-maps")


def test_layers_sum_to_totals(resnet20_json):
    layers, totals = resnet20_json["layers"], resnet20_json["totals"]
    assert len(layers) == 20
    for count in ("storage_bits", "macs", "additions", "multiplications", "bit_ops", "traffic_bytes"):
        assert totals[count] == sum(layer[count] for layer in layers)
    assert totals["storage_bits"] == sum(totals["storage"].values())
    weights = 267_696 + 64 * 10  # the convolutions' and the classifier's
    assert totals["compression_ratio"] == 32 * weights / totals["storage_bits"]


def test_kept_layers_are_dense_and_listed_with_their_reason(resnet20_json):
    first, last = resnet20_json["layers"][0], resnet20_json["layers"][-1]
    assert resnet20_json["kept_dense"].keys() == {first["name"], last["name"]}
    assert resnet20_json["kept_dense"][first["name"]] == "asked for by --keep"
    assert "kernels of one element gain nothing" in resnet20_json["kept_dense"][last["name"]]
    for layer in (first, last):
        assert layer["scheme"] == "dense(weight_bits=32, scale=filter)"
        assert layer["compression_ratio"] == 1.0
    assert [layer["scheme"].partition("(")[0] for layer in resnet20_json["layers"][1:-1]] == [
        "linear-representation"
    ] * 18


def test_the_table_of_a_users_network(run_filterfront, nets):
    """8*4*9, 6*8 and 3*6*9 weights of 2 bits at 6x6, 6x6 and 4x4 positions, and activations of 8 bits."""
    scheme = "dense(weight_bits=2, scale=none)"
    done = run_filterfront("cost", "--network", "nets.py:build", "--scheme", scheme, cwd=nets.parent)
    assert (done.returncode, done.stderr) == (0, "")
    title, _, *table = done.stdout.splitlines()
    assert title == f"nets.py:build under {scheme}, 8-bit activations"
    assert [" ".join(line.split()) for line in table[:5]] == [
        "layer shape storage ratio MAC additions multipl. bit-ops runs scratch",
        "0 4->8 3x3 at 6x6 72 B 16.00x 10.37 k 0 0 165.89 k direct 0 B",
        "2 8->6 1x1 at 6x6 12 B 16.00x 1.73 k 0 0 27.65 k direct 0 B",
        "3 6->3 3x3 at 4x4 41 B 16.00x 2.59 k 0 0 41.47 k direct 0 B",
        "total 125 B 16.00x 14.69 k 0 0 235.01 k",
    ]
    assert "flash 193 B" in done.stdout  # 72 + 12 + 41 and 17 biases of 4
    assert "SRAM  504 B at its peak, in 2" in done.stdout  # 8*6*6 and 6*6*6
    assert "input 256 B, in memory of the caller" in done.stdout  # 4*8*8
    assert "bit_ops: The sum over MACs" in done.stdout


def test_kept_layers_are_named_in_the_table(here, nets):
    done = here("cost", "--network", f"{nets}:build", "--scheme", LINEAR, "--keep", "first")
    assert done.returncode == 0
    assert "stays dense at 32 bits: 0 (asked for by --keep)" in done.stdout
    assert "stays dense at 32 bits: 2 (linear-representation: " in done.stdout


def test_operations_of_unknown_cost_are_warned_about(here, nets):
    arguments = ("cost", "--network", f"{nets}:odd", "--scheme", "dense")
    done = here(*arguments)
    assert done.returncode == 0
    assert "unknown work, not in the counts above: erfinv" in done.stderr
    done = here(*arguments, "--json")
    assert [step["kind"] for step in json.loads(done.stdout)["unknown_operations"]] == ["erfinv"]


def test_activation_bits_scale_the_bit_operations(here, nets):
    four, eight = (
        json.loads(
            here("cost", "--network", f"{nets}:build", "--scheme", "dense", "--activation-bits", bits, "--json").stdout
        )
        for bits in (4, 8)
    )
    assert (four["activation_bits"], eight["activation_bits"]) == (4, 8)
    assert 2 * four["totals"]["bit_ops"] == eight["totals"]["bit_ops"]
    assert 2 * four["totals"]["sram_bytes"] == eight["totals"]["sram_bytes"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--network", "digits-cn", "--scheme", "dense"], "; did you mean digits-cnn?"),
        (["--network", "digits-cnn", "--scheme", "dens"], "; did you mean dense?"),
        (["--network", "digits-cnn", "--scheme", "dense(bits=4)"], "got bits; dense has no such parameter"),
        (
            ["--network", "digits-cnn", "--scheme", "dense", "--keep", "frist"],
            "got frist; digits-cnn has no layer of that name",
        ),
        (
            ["--network", "digits-cnn", "--scheme", "dense", "--activation-bits", "0"],
            "got 0; activation_bits is 1 to 16, or 32",
        ),
        (
            ["--network", "nets.py:pointwise", "--scheme", LINEAR],
            "First reason: linear-representation: 4->8 1x1 at 8x8; kernels of one",
        ),
        (["--network", "nets.py:build", "--scheme", "stacked-binary(segments=64, filters=2)"], "64 for 4 channels; "),
        (["--network", "nets.py:broken", "--scheme", "dense"], "ValueError: no weights here; the code of"),
        (["--network", "nets.py:nan", "--scheme", "dense"], "NaN or infinity in 0.weight"),
        (
            ["--network", "nets.py:nothing", "--scheme", "dense"],
            "got nothing; nets.py defines the name that is asked for",
        ),
        (["--network", "missing.py:build", "--scheme", "dense"], "got missing.py; the file exists"),
        (["--network", "missing.module:build", "--scheme", "dense"], "got missing.module; the module exists"),
    ],
)
def test_cost_refuses(refused, options, message):
    assert message in refused("cost", *options)


def test_debug_shows_the_traceback(filterfront):
    done = filterfront("cost", "--network", "digits-cn", "--scheme", "dense", "--debug")
    assert done.returncode not in (0, 3)
    assert "Traceback (most recent call last)" in done.stderr
    assert "did you mean digits-cnn?" in done.stderr


def test_missing_options_are_wrong_usage(here):
    done = here("cost", "--network", "digits-cnn")
    assert done.returncode == 2
    assert "Missing option '--scheme'" in done.stderr


# Listings


def test_networks(here):
    listed = json.loads(here("networks", "--json").stdout)
    assert [entry["name"] for entry in listed] == list(ZOO)
    table = here("networks").stdout.splitlines()
    assert [line.split()[0] for line in table[1:]] == list(ZOO)
    assert "3x32x32" in table[2]


def test_schemes(here):
    listed = {entry["name"]: entry for entry in json.loads(here("schemes", "--json").stdout)}
    assert list(listed) == [*SCHEMES, *ALIASES]
    assert listed["dense"]["parameters"] == {"weight_bits": 8, "scale": "filter", "scale_bits": 32, "zero_bits": 0}
    assert listed["stacked-binary"]["parameters"]["filters"] is None  # has no default
    # The bits are its own.
    assert listed["binary-weights"]["parameters"] == {"scale": "filter", "scale_bits": 32, "zero_bits": 0}
    assert all(entry["reference"] in REFERENCES and entry["summary"] for entry in listed.values())
    table = here("schemes").stdout
    assert "Lan & Lan, AAAI 2021" in table
    assert "Son et al., ECCV 2018" in table


def test_devices(here):
    listed = json.loads(here("devices", "--json").stdout)
    assert [entry["name"] for entry in listed] == list(list_devices())
    for entry in listed:
        sourced = {source["field"] for source in entry["sources"]}
        assert {"core.clock_hz", "core.cores", "memory.ram.nominal_bytes", "memory.ram.usable_bytes"} <= sourced
        assert {f"memory.ram.regions.{region['name']}.bytes" for region in entry["ram_regions"]} <= sourced
        if entry["flash_usable_bytes"] is not None:
            assert {"memory.flash.nominal_bytes", "memory.flash.usable_bytes"} <= sourced
            assert entry["flash_budget_bytes"] == entry["flash_usable_bytes"] - 144 * 1024
        assert all(source["text"] and source["url"] and source["date"] for source in entry["sources"])
        assert entry["activation_budget_bytes"] <= entry["ram_usable_bytes"] - 44 * 1024
    table = here("devices").stdout
    assert all(f"\n{name} " in table for name in list_devices())
    assert "default reserve of 144 KiB flash and 44 KiB RAM" in table


@pytest.mark.parametrize("arguments", [["devices"], ["devices", "--json"]], ids=" ".join)
def test_a_reader_that_has_gone_ends_the_command_quietly(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "filterfront", *arguments]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 1


# Search: only what is refused. The runs themselves are tested with the reports.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--flash", "-1KiB"], "--flash: got -1KiB; a size is a whole positive number of bytes"),
        (["--sram", "64KB"], "--sram: got 64KB; a size is a number with B, KiB, MiB or GiB"),
        (["--max-bit-ops", "0"], "--max-bit-ops: got 0; a count is a whole positive number"),
        (["--trials", "0", "--seed", "-1"], "--trials: got 0; Input should be greater than or equal to 1 | --seed: "),
        (["--objectives", "acuracy,storage"], "; did you mean accuracy?"),
        (["--sampler", "nsga"], "got nsga; a sampler has a known name; did you mean nsga"),
        (["--device", "stm32l43"], "got stm32l43; a device is one of the catalogue, or a file; did you mean stm32l4"),
        (["--device", "missing.toml"], "missing.toml"),
        (["--device", "stm32l432", "--reserve-ram", "1MiB"], "the RAM reserve fits into the device"),
        (["--network", "digits-cn"], "did you mean digits-cnn?"),
        (
            ["--network", "resnet20-cifar", "--objectives", "accuracy"],
            "accuracy and loss are measured on labelled data",
        ),
        (["--network", "nets.py:nan"], "NaN or infinity in 0.weight"),
        (["--weights", "missing.safetensors"], "missing.safetensors"),
        (["--data", "nothing"], "got nothing"),
        (["--schemes", "dense,magic"], "got magic; --schemes names schemes of the space"),
        (["--space", "missing.toml"], "; --space is a TOML file"),
        (["--keep", "frist"], "got frist; digits-cnn has no layer of that name"),
        (["--schemes", "linear-representation"], "every layer can take some scheme of the space"),
        (["--out", "nets.py"], "got nets.py; --out is a folder"),
        (["--out", "."], "run folder . is not empty; a new search has a folder of its own; pass --resume"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_search_refuses_before_any_training_and_leaves_nothing(refused, options, message):
    assert message in refused("search", *options)


def test_a_budget_that_no_design_meets_is_said_before_any_training(refused):
    message = refused("search", "--flash", "1KiB", code=1)
    assert "no design of the space fits" in message
    assert "flash allows 1,024 bytes, the least reachable is" in message


def test_a_report_of_no_run_is_refused(refused):
    assert "missing" in refused("report", "missing")
