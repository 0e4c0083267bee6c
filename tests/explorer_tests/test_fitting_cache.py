import logging
import os
from pathlib import Path

import numpy as np
import pytest

import explorer.forms.fit_cache as cache_module
from costmodels.errors import SchemeError
from costmodels.schemes import Dense, LinearRepresentation, Pruned, Scheme, SparseBasis, StackedBinary
from costmodels.shapes import ConvShape
from explorer.forms.fit_cache import FitCache, fit_cached
from explorer.forms.fitting import FittedLayer, fit
from explorer.forms.linear_representation.codebook import fit_network_codebook
from explorer.system.cache_folder import cache_folder
from explorer.system.errors import FittingError

SHAPE = ConvShape(8, 4, (3, 3), (8, 8))
WEIGHTS = np.random.default_rng(0).standard_normal(SHAPE.weight_shape).astype(np.float32)
SCHEMES = [
    Dense(1),
    Dense(16),
    Pruned(0.3, 4, "index"),
    StackedBinary(2, 300, "segment"),
    LinearRepresentation(5, 6, 32),
    SparseBasis(2, 4, 1, 0.5, 8),
    SparseBasis(2, 4, 8, 1.0, 8),
]


@pytest.fixture
def no_fitting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> FittedLayer:
        raise AssertionError("fitted again")

    monkeypatch.setattr(cache_module, "fit", refuse)


def entries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def assert_same(first: FittedLayer, second: FittedLayer) -> None:
    assert (first.shape, first.scheme, first.distortion, first.usage) == (
        second.shape,
        second.scheme,
        second.distortion,
        second.usage,
    )
    assert np.array_equal(first.weights, second.weights)
    assert {name: (array.dtype, array.tolist()) for name, array in first.arrays.items()} == {
        name: (array.dtype, array.tolist()) for name, array in second.arrays.items()
    }


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_a_second_time_it_is_read(tmp_path: Path, scheme: Scheme, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FitCache(tmp_path)
    fitted = cache.fit(WEIGHTS, SHAPE, scheme)
    assert_same(fitted, fit(WEIGHTS, SHAPE, scheme))
    monkeypatch.setattr(cache_module, "fit", None)
    assert_same(cache.fit(WEIGHTS, SHAPE, scheme), fitted)


def test_everything_that_fitting_reads_is_in_the_key(tmp_path: Path) -> None:
    cache = FitCache(tmp_path)
    other = WEIGHTS.copy()
    other[0, 0, 0, 0] += 1e-6
    grouped = ConvShape(8, 8, (3, 3), (8, 8), groups=2)
    cache.fit(WEIGHTS, SHAPE, Dense(4))
    for count, (weights, shape, scheme, seed) in enumerate(
        [
            (other, SHAPE, Dense(4), 0),
            (WEIGHTS, grouped, Dense(4), 0),
            (WEIGHTS, SHAPE, Dense(5), 0),
            (WEIGHTS, SHAPE, Dense(4), 1),
        ]
    ):
        cache.fit(weights, shape, scheme, seed)
        assert len(entries(tmp_path)) == count + 2


def test_the_codebook_is_in_the_key(tmp_path: Path) -> None:
    scheme = LinearRepresentation(5, 6, 8, "network")
    for seed in (0, 1):
        FitCache(tmp_path).fit(WEIGHTS, SHAPE, scheme, codebook=fit_network_codebook([WEIGHTS], 5, 8, seed))
    assert len(entries(tmp_path)) == 2


def test_the_version_is_in_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FitCache(tmp_path).fit(WEIGHTS, SHAPE, Dense(4))
    monkeypatch.setattr(cache_module, "FITTING_VERSION", cache_module.FITTING_VERSION + 1)
    FitCache(tmp_path).fit(WEIGHTS, SHAPE, Dense(4))
    assert len(entries(tmp_path)) == 2


@pytest.mark.usefixtures("no_fitting")
def test_the_fixture_would_notice_a_fit(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="fitted again"):
        FitCache(tmp_path).fit(WEIGHTS, SHAPE, Dense(4))


def test_input_size_and_stride_are_not_in_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, strided = FitCache(tmp_path), ConvShape(8, 4, (3, 3), (16, 16), stride=(2, 2))
    cache.fit(WEIGHTS, SHAPE, Dense(4))
    monkeypatch.setattr(cache_module, "fit", None)
    assert cache.fit(WEIGHTS, strided, Dense(4)).shape == strided


@pytest.mark.parametrize("damage", ["cut off", "a bit changed", "empty", "another entry"])
def test_a_damaged_entry_is_fitted_again_and_said(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache = FitCache(tmp_path)
    fitted = cache.fit(WEIGHTS, SHAPE, Dense(4))
    (path,) = entries(tmp_path)
    content = path.read_bytes()
    cache.fit(WEIGHTS, SHAPE, Dense(5))
    (other,) = set(entries(tmp_path)) - {path}
    path.write_bytes(
        {
            "cut off": content[:-1],
            "a bit changed": content[:-5] + bytes([content[-5] ^ 1]) + content[-4:],
            "empty": b"",
            "another entry": other.read_bytes(),
        }[damage]
    )
    with caplog.at_level(logging.WARNING):
        assert_same(cache.fit(WEIGHTS, SHAPE, Dense(4)), fitted)
    assert f"{path} is damaged: fitted again" in caplog.text
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_costs_no_result(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert_same(FitCache(tmp_path / "file").fit(WEIGHTS, SHAPE, Dense(4)), fit(WEIGHTS, SHAPE, Dense(4)))
    assert "cannot keep" in caplog.text


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    FitCache(tmp_path).fit(WEIGHTS, SHAPE, Dense(4))
    assert entries(tmp_path) == []


def test_faults_are_refused_as_without_a_cache(tmp_path: Path) -> None:
    with pytest.raises(FittingError, match="weights are finite"):
        FitCache(tmp_path).fit(WEIGHTS * np.nan, SHAPE, Dense(4))
    with pytest.raises(SchemeError, match="divides"):
        FitCache(tmp_path).fit(WEIGHTS, SHAPE, StackedBinary(3, 4))
    assert entries(tmp_path) == []


def test_the_folder_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    fit_cached(WEIGHTS, SHAPE, Dense(4))
    assert [path.parent.parent for path in entries(tmp_path)] == [tmp_path / "fits"]


def test_the_folder_is_the_platforms_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILTERFRONT_CACHE", raising=False)
    assert cache_folder().name == "filterfront"
