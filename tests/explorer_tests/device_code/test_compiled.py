"""Packed networks that are compiled for this machine: the bits of the integer network, and what is refused."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import filterfront as ff
from costmodels import Dense, Ternary
from explorer.deployment.device_code.host import build
from explorer.deployment.packed.network import pack_network
from explorer.deployment.packed.writing import packed_content
from explorer.forms.fitting import fit
from explorer.measurement.activation_ranges import measure_activation_ranges
from explorer.networks.trace import trace
from explorer.system.errors import DeviceCodeError, DeviceToolError, NetworkError, PackedFileError

has_compiler = any(map(shutil.which, build.COMPILERS))
needs_compiler = pytest.mark.skipif(not has_compiler, reason="needs a C compiler: apt-get install gcc libc6-dev")


class Two(nn.Module):
    """Two outputs, one of them a map; grouped, depthwise and pointwise layers, an addition, pools."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 20, 3, padding=1)
        self.deep = nn.Conv2d(20, 20, 3, padding=1, groups=20)
        self.point = nn.Conv2d(20, 40, 1)
        self.grouped = nn.Conv2d(40, 20, (5, 3), padding=(2, 1), groups=2)
        self.answer = nn.Linear(20, 7)

    def forward(self, x):
        y = functional.relu(self.first(x))
        z = functional.relu(self.point(functional.relu(self.deep(y))))
        y = functional.relu(y + self.grouped(z))
        return self.answer(y.mean((2, 3))), functional.max_pool2d(y, 2)


def images(count, seed):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, 3, 11, 9)).astype(np.float32))


@pytest.fixture(scope="module")
def packed_file(tmp_path_factory):
    """Of ternary and 8-bit layers and of some with zero points, activations of 8 bits or of any others."""

    def write(bits=8):
        torch.manual_seed(0)
        traced = trace(Two().eval(), images(1, 0), "two")
        ranges = measure_activation_ranges(traced, images(8, 0), bits)
        forms = {
            "point": Ternary("two-bit"),
            "deep": Dense(4, scale_bits=8, zero_bits=5),
            "grouped": Dense(2, "layer", zero_bits=4),
        }
        layers = {
            layer.name: fit(traced.weights[layer.name], layer.shape, forms.get(layer.name, Dense(8)))
            for layer in traced.spec.layers
        }
        path = tmp_path_factory.mktemp("two") / "two.safetensors"
        path.write_bytes(packed_content(pack_network(traced, layers, ranges), traced.spec))
        return path

    return write


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """The cache folder of these tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def quickly(monkeypatch):
    """Compiles without optimization."""
    monkeypatch.setattr(build, "FLAGS", tuple(flag for flag in build.FLAGS if not flag.startswith("-O")))


@pytest.fixture
def both(packed_file, cache, monkeypatch):
    """The network compiled, and in integers."""
    monkeypatch.setenv("FILTERFRONT_CACHE", str(cache))
    path = packed_file()
    return ff.load(path, compiled=True), ff.load(path, integers=True)


def equal(mine, theirs):
    pairs = list(zip(mine, theirs, strict=True))
    return all(torch.equal(one, other) and one.dtype == other.dtype for one, other in pairs)


@needs_compiler
def test_a_compiled_network_gives_the_bits_of_the_integer_network(both):
    program, integers = both
    # Values far beyond the levels, too.
    for given in (images(5, 1), 1e9 * images(2, 2), torch.zeros(1, 3, 11, 9)):
        found = program(given)
        assert equal(found, integers(given))
        assert [tuple(part.shape) for part in found] == [(len(given), 7), (len(given), 20, 5, 4)]
    assert "compiled" in repr(program)


@needs_compiler
def test_values_that_lie_halfway_become_the_same_levels(both):
    program, integers = both
    [number] = integers.integers.inputs
    scale = np.float32(integers.integers.tensors[number].levels.scale)
    halves = (np.arange(-297, 297).astype(np.float32) / 2).reshape(2, 3, 11, 9) * scale
    assert equal(program(torch.from_numpy(halves)), integers(torch.from_numpy(halves)))


@needs_compiler
def test_threads_may_call_a_compiled_network_at_the_same_time(both):
    program, integers = both
    parts = [images(6, seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert all(equal(*pair) for pair in zip(pool.map(program, parts), map(integers, parts), strict=True))


@needs_compiler
def test_images_of_another_shape_are_refused(both):
    with pytest.raises(NetworkError, match=r"\(1, 3, 10, 9\); .* takes \(N, 3, 11, 9\)"):
        both[0](torch.zeros(1, 3, 10, 9))


@needs_compiler
@pytest.mark.usefixtures("quickly")
def test_a_library_that_was_cut_short_is_built_again(packed_file, tmp_path, monkeypatch):
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path))
    path, given = packed_file(), images(2, 4)
    found = ff.load(path, compiled=True)(given)
    assert equal(found, ff.load(path, integers=True)(given))
    [library] = tmp_path.glob("libraries/*/library.so")
    whole, state = library.read_bytes(), library.stat().st_mtime_ns
    ff.load(path, compiled=True)
    assert library.stat().st_mtime_ns == state  # it is taken as it is
    library.unlink()  # what is loaded stays as it is
    library.write_bytes(whole[: len(whole) // 2])
    assert equal(ff.load(path, compiled=True)(given), found)
    assert library.read_bytes() == whole
    assert not list(tmp_path.rglob(".building-*"))


def test_a_missing_compiler_is_one_line(packed_file, tmp_path, monkeypatch):
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path))
    monkeypatch.setattr(build, "COMPILERS", ("no-such-compiler",))
    with pytest.raises(DeviceToolError, match=r"apt-get install gcc libc6-dev") as caught:
        ff.load(packed_file(), compiled=True)
    assert "\n" not in str(caught.value)


@needs_compiler
@pytest.mark.usefixtures("quickly")
def test_a_library_with_other_outputs_is_refused_and_not_kept(packed_file, tmp_path, monkeypatch):
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path))
    wrong = "explorer.deployment.device_code.host.compiled.library_source"
    from explorer.deployment.device_code.host.library_text import library_source

    monkeypatch.setattr(wrong, lambda network: library_source(network).replace("value += input->zero;", ""))
    with pytest.raises(DeviceToolError, match="other outputs"):
        ff.load(packed_file(), compiled=True)
    assert not list(tmp_path.rglob("library.so"))


def test_float_activations_and_damaged_files_are_refused(packed_file, tmp_path):
    with pytest.raises(DeviceCodeError, match="activations of floats"):
        ff.load(packed_file(32), compiled=True)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(packed_file().read_bytes()[:-1])
    with pytest.raises(PackedFileError):
        ff.load(damaged, compiled=True)
