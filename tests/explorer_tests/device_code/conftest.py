"""Programs in C, built under the address and undefined-behaviour sanitizers and run on this machine."""

import hashlib
import re
import shutil
import subprocess

import numpy as np
import pytest
import torch

from costmodels import Dense
from explorer.deployment.device_code.folder import c_folder
from explorer.deployment.device_code.forms import coded_filters
from explorer.deployment.device_code.integer_network import zero_level
from explorer.deployment.device_code.reading import integer_network
from explorer.deployment.device_code.steps import TransposedStep, Window, conv_step
from explorer.deployment.device_code.sums import Sum
from explorer.deployment.packed.levels import Levels
from explorer.deployment.packed.network import pack_network
from explorer.deployment.packed.reading import read_packed
from explorer.deployment.packed.writing import packed_content
from explorer.forms.fitting import fit
from explorer.measurement.activation_ranges import measure_activation_ranges
from explorer.networks.trace import trace

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-DGUARD_BYTES=8192")
SECONDS = 600


def compilers():
    """Those that this machine has."""
    return [name for name in ("gcc", "clang") if shutil.which(name)]


@pytest.fixture(scope="session")
def build_c(shared_folder):
    """Builds a folder's program without a warning. A kernel is compiled once in a test run."""
    objects = shared_folder / "objects"
    objects.mkdir(exist_ok=True)

    def run(command, folder):
        built = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
        assert (built.returncode, built.stderr) == (0, "")

    def build(folder, files, compile_command):
        parts = []
        for name in sorted(name for name in files if name.endswith(".c")):
            if not is_of_kernels(name):
                parts.append(name)
                continue
            read = [files[one] for one in sorted(included(name, files))]
            key = hashlib.sha256(b"\0".join([" ".join(compile_command).encode(), *read])).hexdigest()
            made = objects / f"{key}.o"
            if not made.exists():
                run([*compile_command, "-c", name, "-o", f"{key}.o"], folder)
                (folder / f"{key}.o").replace(made)
            parts.append(str(made))
        run([*compile_command, *parts, "-o", "test_model"], folder)

    return build


def included(name, files):
    """A source and the headers that it reads."""
    found, waiting = set(), [name]
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += [one for one in re.findall(r'#include "(\w+\.h)"', files[name].decode()) if one not in found]
    return found


def is_of_kernels(name):
    return name.startswith("filterfront_")


@pytest.fixture(scope="session")
def run_c(tmp_path_factory, build_c):
    """Builds a folder's files without a warning, runs the test vectors, and gives what the program printed."""
    if not compilers():
        pytest.skip("needs a C compiler: apt-get install gcc")

    def run(files, compiler=compilers()[0], flags=SANITIZERS):
        folder = tmp_path_factory.mktemp("program")
        for name, content in files.items():
            (folder / name).write_bytes(content)
        build_c(folder, files, [compiler, *WARNINGS, "-O1", *flags])
        ran = subprocess.run(["./test_model"], cwd=folder, capture_output=True, text=True, timeout=SECONDS)
        assert ran.stderr == ""
        return ran.returncode, ran.stdout.strip()

    return run


@pytest.fixture(scope="session")
def clang(tmp_path_factory):
    """The name of the second compiler, where it is here with its sanitizers."""
    folder = tmp_path_factory.mktemp("clang")
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    if not shutil.which("clang") or subprocess.run(["clang", *SANITIZERS, "empty.c"], cwd=folder).returncode:
        pytest.skip("needs clang and its sanitizers: apt-get install clang libclang-rt-dev")
    return "clang"


@pytest.fixture(scope="session")
def packed(tmp_path_factory):
    """The packed network of a module, read from its file; every layer in a form, or in that of its name."""

    def pack(module, images, form=Dense(8), forms=None, bits=8):
        traced = trace(module.eval(), images[:1], "net")
        ranges = measure_activation_ranges(traced, images, bits)
        layers = {
            layer.name: fit(traced.weights[layer.name], layer.shape, (forms or {}).get(layer.name, form))
            for layer in traced.spec.layers
        }
        path = tmp_path_factory.mktemp("packed") / "net.safetensors"
        path.write_bytes(packed_content(pack_network(traced, layers, ranges), traced.spec))
        return read_packed(path).network()

    return pack


@pytest.fixture(scope="session")
def exported(packed, run_c):
    """A module's integer network, whose program has run; and its outputs next to those of the packed network."""

    def export(module, images, vectors=64, **options):
        network = packed(module, images, **options)
        integer = integer_network(network)
        levels = integer.levels_of([images.numpy()])
        folder = c_folder(integer, "", [part[:vectors] for part in levels])
        assert run_c(folder.files) == (0, f"{folder.vectors} of {folder.vectors} test vectors are right")
        wanted = network(images)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        found = integer.output_arrays(integer.run(*levels))
        pairs = zip(found, wanted, strict=True)
        flat = [tuple(part.reshape(len(images), -1) for part in (mine, theirs.numpy())) for mine, theirs in pairs]
        return integer, flat

    return export


def _branch(builder, packed, generator, name, largest=8.0, bits=None, window=None):
    """A layer as a branch of a network: its input, and its outputs in levels and in floats."""
    shape, bits = packed.shape, bits or int(generator.choice([1, 2, 4, 8]))
    levels = Levels(float(generator.uniform(0.01, 1)), int(generator.integers(0, 1 << bits)), bits)
    size = (*(shape.input_values or shape.input_size), shape.in_channels)
    source = builder.new(f"{name} input", size, levels)
    greatest = max(levels.zero_point, (1 << bits) - 1 - levels.zero_point)
    coded = coded_filters(packed, greatest, name)
    (top, _), (left, _) = shape.pads
    make_step = conv_step if window is None else TransposedStep
    window = window or Window(size[:2], shape.output_size, shape.kernel, shape.stride, shape.dilation, (top, left))

    def make(finish, output):
        zero = zero_level(levels)
        return make_step(name, output, source, size[2], shape.groups, window, zero, coded, str(packed.scheme), finish)

    reach = float(np.abs(coded.units * np.abs(coded.filters.astype(float)).sum(axis=(1, 2, 3))).max()) * greatest
    factors, shifts = coded.units / max(reach, 1e-30) * largest, generator.normal(size=shape.out_channels)
    total = Sum(name, make, (*shape.output_size, shape.out_channels), factors, shifts)
    written = Levels(0.01, 100, 8)
    in_levels = builder.rounded(builder.rounded(total, written), None)
    return source, (in_levels.tensor, builder.rounded(total.clipped(-0.5, 1e9), None).tensor), coded


@pytest.fixture(scope="session")
def add_layer():
    """Adds a packed layer to a builder as a branch of its own; outputs reach `largest`, levels 2.55 of it."""
    return _branch


@pytest.fixture(scope="session")
def random_levels():
    """Random levels of every input of a network."""

    def make(network, count, seed=1):
        generator = np.random.default_rng(seed)
        found = []
        for number in network.inputs:
            tensor = network.tensors[number]
            half = (1 << tensor.levels.bits) >> 1
            found.append(generator.integers(-half, max(half, 1), (count, *tensor.size)).astype(np.int8))
        return found

    return make


@pytest.fixture
def images():
    """Random ones of a shape."""

    def make(*shape, seed=0):
        return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))

    return make
