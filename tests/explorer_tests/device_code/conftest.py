"""Programs in C, built under the address and undefined-behaviour sanitizers and run on this machine."""

import shutil
import subprocess

import numpy as np
import pytest
import torch

from costmodels import Dense
from explorer.device_code.folder import c_folder
from explorer.device_code.reading import integer_network
from explorer.forms.fitting import fit
from explorer.measurement.activation_ranges import measure_activation_ranges
from explorer.networks.trace import trace
from explorer.packed.network import pack_network
from explorer.packed.reading import read_packed
from explorer.packed.writing import packed_content

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")
SECONDS = 600


def compilers():
    """Those that this machine has."""
    return [name for name in ("gcc", "clang") if shutil.which(name)]


@pytest.fixture(scope="session")
def run_c(tmp_path_factory):
    """Builds a folder's files without a warning, runs the test vectors, and gives what the program printed."""
    if not compilers():
        pytest.skip("needs a C compiler: apt-get install gcc")

    def run(files, compiler=compilers()[0], flags=SANITIZERS):
        folder = tmp_path_factory.mktemp("program")
        for name, content in files.items():
            (folder / name).write_bytes(content)
        sources = sorted(name for name in files if name.endswith(".c"))
        command = [compiler, *WARNINGS, "-O1", *flags, *sources, "-o", "test_model"]
        built = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
        assert (built.returncode, built.stderr) == (0, "")
        ran = subprocess.run(["./test_model"], cwd=folder, capture_output=True, text=True, timeout=SECONDS)
        assert ran.stderr == ""
        return ran.returncode, ran.stdout.strip()

    return run


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


@pytest.fixture
def images():
    """Random ones of a shape."""

    def make(*shape, seed=0):
        return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))

    return make
