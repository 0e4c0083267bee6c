"""Latency on this machine: rates recovered from synthetic times, calibrations kept, searches through the command."""

import json

import numpy as np
import pytest

from costmodels import ConvShape, Dense, NetworkSpec
from costmodels.latency import Work
from costmodels.schemes import SCHEMES
from explorer.measurement.latency.cases import balanced, calibration_shapes, prepared
from explorer.measurement.latency.judge import Row, held_out, judge, score
from explorer.measurement.latency.rates import fit_rates
from explorer.measurement.latency.store import calibration_path, read_calibration

NETWORK = "examples/my_network.py:build"


def synthetic_works(generator, count=60):
    amounts = {"calls": (1, 5), "tile_words": (10, 1e6), "written": (100, 1e5)}
    return [Work("k", {name: generator.uniform(*ends) for name, ends in amounts.items()}) for _ in range(count)]


def test_rates_are_recovered_from_synthetic_times():
    works = synthetic_works(np.random.default_rng(0))
    truth = {"calls": 2e-5, "tile_words": 2e-9, "written": 1e-9}
    seconds = np.array([sum(rate * work.amounts[name] for name, rate in truth.items()) for work in works])
    assert fit_rates(works, seconds)["k"] == pytest.approx(truth, rel=1e-6)


def test_a_few_disturbed_synthetic_times_do_not_bend_the_rates():
    works = synthetic_works(np.random.default_rng(1))
    truth = {"calls": 2e-5, "tile_words": 2e-9, "written": 1e-9}
    seconds = np.array([sum(rate * work.amounts[name] for name, rate in truth.items()) for work in works])
    seconds[::12] *= 3
    assert fit_rates(works, seconds)["k"] == pytest.approx(truth, rel=0.05)


def test_an_amount_that_takes_no_time_gets_no_rate():
    works = synthetic_works(np.random.default_rng(2))
    seconds = np.array([2e-5 * work.amounts["calls"] for work in works])
    assert fit_rates(works, seconds)["k"] == pytest.approx({"calls": 2e-5})


def test_a_calibration_is_read_as_it_was_written(own_cache, synthetic_calibration):
    assert read_calibration(own_cache) == synthetic_calibration(own_cache)


def test_another_machine_or_other_kernels_have_no_calibration(own_cache):
    for fact in ("cpu", "threads", "numba", "kernels"):
        assert read_calibration({**own_cache, fact: "other"}) is None


DAMAGES = {
    "cut off": lambda text: text[:-20],
    "changed": lambda text: text.replace("1e-08", "2e-08"),
    "empty": lambda _: "{}",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_calibration_is_said_and_measured_again(own_cache, damage, caplog):
    path = calibration_path(own_cache)
    path.write_text(damage(path.read_text()))
    assert read_calibration(own_cache) is None
    assert "is damaged and is measured again" in caplog.text


def test_drawn_cases_cover_every_kernel_and_are_laid_out_with_their_density():
    generator = np.random.default_rng(0)
    cases = balanced(calibration_shapes(generator), 120, generator)
    assert {case.kernel.split(" / ")[0] for case in cases} == SCHEMES.keys()
    sparse = next(case for case in cases if case.scheme.name == "pruned" and case.shape.weights > 1000)
    _, image, usage = prepared(sparse, generator)
    assert image.shape == (sparse.shape.in_channels, *sparse.shape.input_size)
    assert usage.nonzeros == pytest.approx(sparse.scheme.density * sparse.shape.weights, rel=0.25)


def test_held_out_cases_are_distinct_and_of_the_given_shapes():
    shapes = [ConvShape(16, 8, (3, 3), (6, 6)), ConvShape(8, 16, (1, 1), (6, 6)), ConvShape(8, 8, (3, 3), (2000, 2000))]
    cases = held_out(shapes, 30)
    assert len(set(cases)) == 30
    assert {case.shape for case in cases} == set(shapes[:2])


def test_a_score_by_hand():
    case = held_out([ConvShape(16, 8, (3, 3), (6, 6))], 1)[0]
    rows = [Row(case, "k", *times) for times in ((1.05, 1.0, 1.2), (2.4, 2.0, 2.1), (3.0, 3.0, 3.0))]
    found = score("k", rows)
    assert (found.cases, found.within, found.repeatable) == (3, 2 / 3, 2 / 3)
    assert found.mape == pytest.approx((0.05 + 0.2 + 0) / 3)
    assert found.tau == 1.0


def test_a_judgement_measures_every_case(synthetic_calibration):
    cases = [case for case in held_out([ConvShape(16, 8, (3, 3), (6, 6))], 8) if case.scheme != Dense(32)]
    model = synthetic_calibration({}).model
    found = judge(model, cases, progress=False)
    assert [row.case for row in found.rows] == cases
    assert all(row.measured > 0 and row.repeated > 0 for row in found.rows)
    assert sum(score.cases for score in found.kernels) == found.overall.cases == len(cases)


def search(run_filterfront, tmp_path, *more):
    return run_filterfront(
        "search",
        "--network",
        NETWORK,
        "--trials",
        "4",
        "--out",
        tmp_path / "run",
        "--schemes",
        "dense,pruned",
        "--no-gap",
        *more,
    )


def test_latency_is_an_objective_and_a_budget(own_cache, run_filterfront, tmp_path):
    """The times are those of the synthetic calibration: 1 us a call and 10 ns an output of every layer."""
    done = search(run_filterfront, tmp_path, "--objectives", "distortion,latency", "--max-latency", "1s")
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["latency"]["origin"] == "predicted for this machine's kernels, batch 1, threads: 1"
    assert [(item["column"], item["limit"], item["unit"]) for item in run["budgets"]] == [("latency_ms", 1000.0, "ms")]
    assert "Latency is predicted for this machine's kernels" in done.stdout
    design = json.loads(next((tmp_path / "run" / "designs").glob("*.json")).read_text())
    layers = NetworkSpec.from_json(design["network"]).layers
    written = sum(layer.shape.output_elements for layer in layers)
    assert design["figures"]["latency_ms"] == pytest.approx(1e3 * (len(layers) * 1e-6 + written * 1e-8))


def test_an_impossible_latency_names_the_least_reachable(own_cache, run_filterfront, tmp_path):
    done = search(run_filterfront, tmp_path, "--max-latency", "1us")
    assert done.returncode == 1
    assert "latency allows 0.001 ms, the least reachable is 0." in done.stderr


def test_latency_of_a_device_is_an_estimate(run_filterfront, tmp_path):
    done = search(run_filterfront, tmp_path, "--device", "stm32f446", "--objectives", "distortion,latency")
    assert done.returncode == 0, done.stderr
    assert "estimated for stm32f446: instructions of its C program" in " ".join(done.stdout.split())
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["latency"]["left_out"] == []  # operations that are no layer count with the layer before them


def test_energy_is_time_at_the_current_of_the_data_sheet(run_filterfront, tmp_path):
    """84 uA/MHz at 3 V and 80 MHz are 20.16 mW: so many microjoules a millisecond."""
    done = search(run_filterfront, tmp_path, "--device", "stm32l432", "--objectives", "distortion,energy")
    assert done.returncode == 0, done.stderr
    assert "Energy is latency times 20.16 mW" in " ".join(done.stdout.split())
    design = json.loads(next((tmp_path / "run" / "designs").glob("*.json")).read_text())
    assert design["figures"]["energy_uj"] == pytest.approx(20.16 * design["figures"]["latency_ms"])
    assert "µJ" in done.stdout


@pytest.mark.parametrize(("device", "named"), [(("--device", "stm32f446"), "stm32f446"), ((), "no device")])
def test_energy_without_a_published_current_is_refused(run_filterfront, tmp_path, device, named):
    done = search(run_filterfront, tmp_path, "--flash", "1MiB", *device, "--objectives", "distortion,energy")
    assert done.returncode == 2
    rule = "energy needs the current that a device draws while it runs"
    assert f"{named}; {rule}; choose stm32l432, or describe the device with [core.power]" in done.stderr


def test_a_device_without_cycles_is_refused(run_filterfront, tmp_path):
    done = search(run_filterfront, tmp_path, "--device", "raspberrypi4", "--max-latency", "20ms")
    assert done.returncode == 2
    assert "got raspberrypi4; a latency estimate needs the device's cycles for an operation" in done.stderr


def test_a_time_has_a_unit(run_filterfront, tmp_path):
    done = search(run_filterfront, tmp_path, "--max-latency", "20")
    assert done.returncode == 2
    assert "--max-latency: got 20; a time is a number with us, ms or s; write for example 20ms" in done.stderr


def test_the_calibration_is_shown(own_cache, run_filterfront):
    done = run_filterfront("calibrate", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["machine"] == own_cache
    assert "nanoseconds for one of each amount" in run_filterfront("calibrate").stdout
