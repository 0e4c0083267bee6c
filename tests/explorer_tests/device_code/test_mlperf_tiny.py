"""DS-CNN of MLPerf Tiny with its trained weights, in C: on this machine under sanitizers, and on emulated cores."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from costmodels import Dense, StackedBinary, Ternary, load_device
from explorer.deployment.device_code.emulation.emulate import emulate
from explorer.deployment.device_code.emulation.tools import COMPILER, EMULATOR
from explorer.deployment.device_code.folder import c_folder
from explorer.deployment.device_code.reading import integer_network
from explorer.deployment.device_code.targets import target_named
from explorer.deployment.device_code.text import code_lines
from explorer.deployment.device_code.writing import write_c_folder
from explorer.networks.load import load_network

NETWORKS = Path(__file__).resolve().parents[4] / "shared" / "mlperf-tiny"
POINTWISE = [f"layers.{number}" for number in (2, 4, 6, 8)]

pytestmark = pytest.mark.skipif(not NETWORKS.is_dir(), reason="the networks of MLPerf Tiny are not here")
needs_tools = pytest.mark.skipif(
    not (shutil.which(COMPILER) and shutil.which(EMULATOR)),
    reason="needs apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm",
)

DESIGNS = {
    "dense 8 bits": {},
    "ternary": {"form": Dense(4), "forms": dict.fromkeys(POINTWISE, Ternary("two-bit"))},
    "stacked binary": {"form": Dense(4), "forms": dict.fromkeys(POINTWISE, StackedBinary(16, 16, "filter"))},
}


@pytest.fixture(scope="module")
def words():
    """(64, 1, 49, 10): samples of the validation part's kind."""
    levels = torch.from_numpy(np.load(NETWORKS / "kws01.npz")["mfcc"][:64].astype(np.float32))
    return (levels - 83)[:, None] * 0.5847029


@pytest.fixture(scope="module")
def networks(packed, words):
    """The packed network of each design, and the same in integers."""
    module = load_network(f"{NETWORKS / 'networks.py'}:ds_cnn").module
    read = {name: packed(module, words, **forms) for name, forms in DESIGNS.items()}
    return {name: (network, integer_network(network)) for name, network in read.items()}


@pytest.fixture(scope="module")
def folders(networks, words):
    """The folder of each design, with 64 test vectors."""
    target = target_named("cortex-m4")
    return {
        name: c_folder(integer, "", integer.levels_of([words.numpy()]), target)
        for name, (_, integer) in networks.items()
    }


@pytest.mark.parametrize("name", DESIGNS)
def test_words_are_those_that_the_packed_network_hears(name, networks, words):
    network, integer = networks[name]
    theirs = network(words).numpy()
    mine = integer.run(*integer.levels_of([words.numpy()]))
    # Halves of a level are rounded otherwise.
    assert np.median(np.abs(mine - theirs).max(axis=1)) <= 0.02 * np.abs(theirs).max()
    assert (mine.argmax(1) == theirs.argmax(1)).sum() >= 60


@pytest.mark.parametrize("name", DESIGNS)
def test_64_vectors_are_right_on_this_machine(name, folders, run_c):
    assert run_c(folders[name].files) == (0, "64 of 64 test vectors are right")


@needs_tools
@pytest.mark.parametrize("name", ["dense 8 bits", "ternary"])
def test_a_cortex_m4_takes_the_instructions_flash_and_ram_that_are_said(name, folders, tmp_path):
    write_c_folder(tmp_path / "c", folders[name].files)
    found = emulate(tmp_path / "c", load_device("stm32l4r5"), 1)
    assert (found.vectors, found.wrong) == (1, 0)
    assert f"flash on cortex-m4 {found.predicted_flash_bytes:,} bytes" in next(code_lines(folders[name]))
    assert found.predicted_flash_bytes == pytest.approx(found.flash_bytes, rel=0.01)
    assert found.predicted_ram_bytes == pytest.approx(found.ram_bytes, rel=0.01)
    # CMSIS-NN takes 7.8 million for the convolutions of 8 bits; counts are the same on every run.
    assert sum(found.instructions) <= (7_800_000 if name == "dense 8 bits" else 5_000_000)


def test_depthwise_and_pointwise_layers_write_over_their_inputs(folders):
    # One map of 25x5 places of 64 channels; scratch: 16 bytes a filter and the columns of four places of 64 values.
    assert folders["dense 8 bits"].program.plan.bytes == 64 * 25 * 5 + 16 * 64 + 4 * 2 * 64
