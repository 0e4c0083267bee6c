"""A user's own code that exits, raises what is no Exception, prints, or answers at random: one line, exit code 2."""

import json

import pytest
import torch
from torch import nn

from explorer.networks.first_run import check_answers
from explorer.system.errors import NetworkError

CODE = """
import sys, torch
from torch import nn
import numpy as np

class Stop(BaseException):
    pass

class Net(nn.Module):
    def __init__(self, act=lambda x: x):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.head, self.act = nn.Conv2d(1, 4, 3), nn.Linear(4, 2), act
    def forward(self, x):
        return self.head(self.act(torch.relu(self.conv(x))).mean((2, 3)))

def leave(x):
    sys.exit(0)

def stop(x):
    raise Stop("enough")

def say(x):
    print("forward says so")
    return x

X = torch.zeros(1, 1, 6, 6)
def plain(): return Net().eval(), X
def exits(): sys.exit(0)
def stops(): raise Stop("enough")
def exits_forward(): return Net(leave).eval(), X
def stops_forward(): return Net(stop).eval(), X
def random_forward(): return Net(lambda x: x * torch.rand(())).eval(), X
def chatty():
    print("build says so")
    return Net(say).eval(), X

def parts():
    print("data says so")
    rng = np.random.default_rng(0)
    part = lambda: (rng.normal(size=(20, 1, 6, 6)).astype(np.float32), np.arange(20) % 2)
    return {"train": part(), "validation": part()}
def leaves(): sys.exit(0)
def ends(): raise Stop("enough")
def tiny():
    made = parts()
    return {**made, "validation": (made["validation"][0] * 0 + 1e-42, made["validation"][1])}
"""
SEARCH = ("search", "--flash", "4KiB", "--schemes", "dense", "--sampler", "random", "--trials", 2, "--no-gap")


@pytest.fixture
def code(tmp_path):
    (tmp_path / "mine.py").write_text(CODE)
    return tmp_path


@pytest.mark.parametrize(
    ("network", "data", "said"),
    [
        ("exits", "parts", "SystemExit: 0; the code of mine.py:exits runs"),
        ("stops", "parts", "Stop: enough; the code of mine.py:stops runs"),
        ("exits_forward", "parts", "SystemExit: 0; forward of mine.py:exits_forward returns"),
        ("stops_forward", "parts", "Stop: enough; forward of mine.py:stops_forward returns"),
        ("random_forward", "parts", "two runs of mine.py:random_forward differ"),
        ("plain", "leaves", "SystemExit: 0; mine.py:leaves returns data"),
        ("plain", "ends", "Stop: enough; mine.py:ends returns data"),
    ],
)
def test_code_that_does_not_return_is_one_line(run_filterfront, code, network, data, said):
    done = run_filterfront(*SEARCH, "--network", f"mine.py:{network}", "--data", f"mine.py:{data}", cwd=code)
    lines = [line for line in done.stderr.splitlines() if line != "data says so"]
    assert (done.returncode, len(lines)) == (2, 1), done.stderr
    assert said in lines[0]
    assert not (code / "runs").exists()


@pytest.mark.parametrize("line", ["sys.exit(0)", "raise GeneratorExit", "raise BaseException('no')"])
def test_a_file_that_ends_the_program_while_it_is_imported_is_one_line(run_filterfront, tmp_path, line):
    (tmp_path / "leaving.py").write_text(f"import sys\n{line}\n")
    done = run_filterfront("cost", "--network", "leaving.py:build", "--scheme", "dense", cwd=tmp_path)
    assert done.returncode == 2
    assert "leaving.py can be imported" in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_code_prints_keeps_off_json(run_filterfront, code):
    options = ("--network", "mine.py:chatty", "--data", "mine.py:parts", "--json", "--out", "run")
    done = run_filterfront(*SEARCH, *options, cwd=code)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["trials"] == 2
    assert {"build says so", "data says so", "forward says so"} <= set(done.stderr.splitlines())


def test_data_on_which_the_float_network_has_no_loss_are_refused_before_any_trial(run_filterfront, code, monkeypatch):
    from explorer.data.quality import Quality
    from explorer.measurement.quality_meter import QualityMeter

    monkeypatch.setattr(QualityMeter, "measure", lambda *_, **__: Quality(float("nan"), 0.0, 20))
    done = run_filterfront(*SEARCH, "--network", "mine.py:plain", "--data", "mine.py:parts", cwd=code)
    assert done.returncode == 2
    assert "the float network has a finite loss on the validation images" in done.stderr
    assert not (code / "runs").exists()


def test_images_of_almost_nothing_lose_no_report(run_filterfront, code):
    done = run_filterfront(*SEARCH, "--network", "mine.py:plain", "--data", "mine.py:tiny", "--out", "run", cwd=code)
    report = (code / "run" / "report.html").is_file()
    assert (done.returncode, report) == (0, True) or (
        done.returncode == 2 and "a finite loss" in done.stderr and not report
    )


def test_a_network_with_a_random_factor_is_told_apart_from_one_with_dropout():
    class Noisy(nn.Module):
        def forward(self, x):
            return x * torch.rand(())

    with pytest.raises(NetworkError, match="two runs of net differ"):
        check_answers(Noisy(), torch.zeros(1, 3), "net")
    check_answers(nn.Sequential(nn.Linear(3, 2), nn.Dropout()).eval(), torch.zeros(1, 3), "net")
    check_answers(nn.Embedding(5, 2), torch.tensor([[0, 1]]), "net")
