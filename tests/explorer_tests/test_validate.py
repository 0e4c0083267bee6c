"""``filterfront validate``: its tables, its files and its exit code."""

import csv
import json
from dataclasses import replace

import pytest

from costmodels.kernels.engine.streams import SparseRows
from costmodels.kernels.run import PreparedLayer
from costmodels.schemes import Dense, LayerUsage
from explorer.cli import main
from explorer.networks.trace import trace
from explorer.networks.zoo import ZOO, build
from explorer.validation import validate as validation
from explorer.validation.qonnx_counts import QonnxCount, qonnx_missing
from explorer.validation.reconcile import Reconciliation, reconcile
from explorer.validation.validate import Effort

SMALL = Effort(packed=3, counted=2, expanded=1, run=3, largest=2_000, timed=0)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(Effort, "quick", classmethod(lambda cls, seed=0: SMALL))
    monkeypatch.setattr(validation, "ZOO", {"digits-cnn": ZOO["digits-cnn"]})


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main(["validate", "--quick", *arguments])
    return end.value.code


def test_what_agrees_ends_with_zero(capsys, tmp_path):
    assert run("--out", str(tmp_path / "new")) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("everything agrees\n")
    assert "DIFFERS" not in printed
    assert "batch_norm +18,432; adaptive_avg_pool2d +1,536" in printed
    with (tmp_path / "new" / "checks.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["verdict"] for row in rows} == {"agrees"}
    assert ("storage, packed bits", "dense", "weights", "3") in {
        (row["name"], row["scheme"], row["component"], row["cases"]) for row in rows
    }
    assert (tmp_path / "new" / "networks.csv").read_text().splitlines()[1].startswith("digits-cnn,3410880,3410880,")


def test_json(capsys):
    assert run("--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["agrees"] is True
    assert plain["networks"][0]["macs"] == 3_410_880
    assert all(check["worst"] == 0 for check in plain["checks"])


def test_one_bit_too_many_ends_with_one_and_is_named(capsys, monkeypatch):
    storage = Dense.storage

    def changed(self, shape, used=LayerUsage()):
        bits = storage(self, shape, used)
        return bits | {"weights": bits["weights"] + 1}

    monkeypatch.setattr(Dense, "storage", changed)
    assert run() == 1
    printed = capsys.readouterr().out
    assert "storage, packed bits: dense, weights: off by +1 at dense(" in printed
    assert printed.endswith("the formulas disagree with what was counted\n")


def test_a_kernel_that_is_off_by_one_is_named(capsys, monkeypatch):
    original = PreparedLayer.run

    def changed(self, image, threads=1):
        out = original(self, image, threads)
        out.flat[0] += 1 if isinstance(getattr(self.kernel, "rows", None), SparseRows) else 0
        return out

    monkeypatch.setattr(PreparedLayer, "run", changed)
    assert run() == 1
    printed = capsys.readouterr().out
    what = "compiled kernels, outputs that differ from torch"
    assert f"{what}: pruned, direct, 1-bit activations: off by +1 at pruned(" in printed
    assert f"{what}: dense" not in printed


def test_times_are_judged_and_drawn_and_change_no_verdict(capsys, monkeypatch, tmp_path, own_cache):
    monkeypatch.setattr(Effort, "quick", classmethod(lambda cls, seed=0: replace(SMALL, timed=20)))
    assert run("--out", str(tmp_path / "new")) == 0
    printed = capsys.readouterr().out
    assert "second measurement within 10%" in printed
    assert "all kernels" in printed
    with (tmp_path / "new" / "times.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    assert all(float(row["measured_ms"]) > 0 and float(row["predicted_ms"]) >= 1e-3 for row in rows)
    assert (tmp_path / "new" / "times.png").read_bytes().startswith(b"\x89PNG")


def test_operations_that_nothing_explains_end_with_one(capsys, monkeypatch):
    monkeypatch.setattr("explorer.validation.reconcile._FVCORE_WRITES", {})
    assert run() == 1
    assert "digits-cnn: 18,432 operations of other counters are not explained" in capsys.readouterr().out


def test_padding_as_text_is_explained():
    from torch import nn, zeros

    module, example = nn.Sequential(nn.Conv2d(3, 8, 3, padding="same"), nn.BatchNorm2d(8)), zeros(2, 3, 8, 8)
    macs, values = 8 * 3 * 9 * 64, 8 * 64
    found = reconcile(module, example, trace(module, example, "text").spec, qonnx=True)
    shares = {"batch_norm": 2 * values, "padding as text": -macs}
    bit_ops = 4 * 8 * macs
    assert found == Reconciliation("text", macs, bit_ops, macs, 2 * values, shares, QonnxCount(macs, bit_ops))
    assert found.unexplained == 0
    assert found.explanation == f"batch_norm +1,024; padding as text -{macs:,}"


def test_a_count_of_qonnx_that_differs_is_unexplained():
    found = Reconciliation("n", 10, 320, 10, 10, {}, QonnxCount(10, 321))
    assert (found.unexplained, found.agrees) == (1, False)
    assert Reconciliation("n", 10, 320, 10, 10, {}, QonnxCount(8, 320)).unexplained == 2


def test_without_qonnx_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr("explorer.validation.qonnx_counts._PACKAGES", ("onnx", "no_such_package_of_anyone"))
    assert qonnx_missing() == "no_such_package_of_anyone not installed: pip install 'filterfront[onnx]'"


@pytest.mark.parametrize("name", ["resnet20-cifar", "mobilenet-v2"])
def test_networks_of_the_zoo_are_explained(zoo_spec, name):
    module, example = build(name)
    found = reconcile(module, example, zoo_spec(name), qonnx=True)
    assert found.agrees
    assert found.qonnx == QonnxCount(found.macs, 4 * 8 * found.macs)
