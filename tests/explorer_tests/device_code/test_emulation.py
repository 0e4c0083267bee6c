"""Programs on an emulated core: their answers, their memory as linked, and what is said where they cannot run."""

import json
import shutil
import subprocess

import pytest
import torch
from torch import nn

from costmodels import Dense, SparseBasis, load_device
from explorer.deployment.device_code.code_bytes import predicted_code, table_compiler
from explorer.deployment.device_code.emulation.emulate import emulate
from explorer.deployment.device_code.emulation.tools import COMPILER, EMULATOR, check_tools
from explorer.deployment.device_code.folder import c_folder
from explorer.deployment.device_code.reading import integer_network
from explorer.deployment.device_code.writing import write_c_folder
from explorer.system.errors import DeviceCodeError, DeviceToolError

needs_tools = pytest.mark.skipif(
    not (shutil.which(COMPILER) and shutil.which(EMULATOR)),
    reason="needs apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm",
)


class Small(nn.Module):
    """Steps of every kernel but one, and two forms."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1, groups=2)
        self.last = nn.Linear(2 * 12 * 4, 3)

    def forward(self, x):
        x = self.first(x).relu()
        x = torch.cat([(self.second(x) + x).relu(), x], 1)
        return self.last(torch.nn.functional.max_pool2d(x, 2, 2).flatten(1))


def compiler_version():
    done = subprocess.run([COMPILER, "-dumpversion"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def folder(packed, tmp_path_factory):
    torch.manual_seed(0)
    images = torch.randn(8, 2, 8, 4, generator=torch.Generator().manual_seed(1))
    forms = {"second": SparseBasis(3, 2, 4, 0.5, 8), "last": Dense(4)}
    integer = integer_network(packed(Small(), images, forms=forms))
    path = tmp_path_factory.mktemp("exported") / "c"
    write_c_folder(path, c_folder(integer, "abc", integer.levels_of([images.numpy()])).files)
    return path


@needs_tools
@pytest.mark.parametrize("device", ["stm32l432", "rp2040", "stm32f746"])
def test_a_program_answers_on_every_core(device, folder):
    found = emulate(folder, load_device(device))
    assert (found.vectors, found.wrong) == (8, 0)
    assert len(found.instructions) == len(found.record.steps)
    assert all(found.instructions)
    # What is predicted of constants and arena is what is linked, the arena in whole words.
    assert found.sections["constants"] == found.record.constant_bytes
    assert found.sections["arena"] == -(-found.record.arena_bytes // 4) * 4
    assert found.flash_bytes > found.record.constant_bytes
    if compiler_version() == table_compiler():
        # Code is what the table says of these kernels, within the arguments of the calls; stack is no more than that.
        assert found.predicted.libraries == found.sections["libraries"]
        assert abs(found.predicted.kernels - found.sections["code"]) <= 8 * len(found.record.steps)
        assert found.stack_bytes - 16 <= found.predicted.stack <= 2 * found.stack_bytes
    assert 0 < found.stack_bytes < 1024


@needs_tools
def test_the_command_prints_both_and_counts_alike_each_time(folder, command):
    done = command("emulate", folder, "--device", "stm32l432", "--vectors", "1")
    assert (done.code, done.err) == (0, "")
    assert "1 of 1 test vectors give every bit of their outputs" in done.out
    counted = ("emulate", folder, "--device", "stm32l432", "--vectors", "1", "--json")
    first, second = (json.loads(command(*counted).out) for _ in range(2))
    assert first == second
    assert first["steps"][0]["macs"] == 6 * 2 * 9 * 32


@needs_tools
def test_a_wrong_output_is_exit_code_1(folder, command, tmp_path):
    other = shutil.copytree(folder, tmp_path / "c")
    text = (other / "test_vectors.h").read_text()
    start = text.index("{\n    {", text.index("test_outputs")) + len("{\n    {")
    end = text.index("U", start)
    (other / "test_vectors.h").write_text(text[:start] + str(int(text[start:end]) ^ 1) + text[end:])
    done = command("emulate", other, "--device", "stm32l432", "--trust")
    assert done.code == 1
    assert "7 of 8 test vectors" in done.out


@pytest.mark.parametrize("name", ["model.c", "filterfront_conv.c", "more.c"])
def test_code_that_no_export_wrote_is_not_run(name, folder, command, tmp_path, monkeypatch):
    """A program on an emulated core reaches files of this machine."""
    monkeypatch.setattr(
        "explorer.deployment.device_code.emulation.emulate.run_tool", lambda *_: pytest.fail("something was run")
    )
    other = shutil.copytree(folder, tmp_path / "c")
    with (other / name).open("a") as file:
        file.write("/* changed */\n")
    done = command("emulate", other, "--device", "stm32l432")
    assert (done.code, done.out) == (2, "")
    assert "holds other code; C is built and run if an export of yours wrote it as it is; read it" in done.err


@needs_tools
def test_what_does_not_fit_the_regions_is_said(folder, tmp_path):
    text = (
        'name = "tiny"\ntitle = "Tiny"\n[core]\nname = "Cortex-M4F"\ncores = 1\nclock_hz = 1_000_000\n'
        "[memory.flash]\nnominal_bytes = 4096\nusable_bytes = 4096\n"
        "[memory.ram]\nnominal_bytes = 8192\nusable_bytes = 8192\n"
        '[[memory.ram.regions]]\nname = "SRAM"\nbytes = 8192\n'
    )
    (tmp_path / "tiny.toml").write_text(text)
    with pytest.raises(DeviceCodeError, match=r"bytes too many for flash; the program fits tiny"):
        emulate(folder, load_device(tmp_path / "tiny.toml"))


def test_code_that_the_table_does_not_know_is_not_predicted():
    assert predicted_code("cortex-m4", ["conv", "codes_8"], 1) is not None
    assert predicted_code("cortex-m4", ["conv", "of another version"], 1) is None
    assert predicted_code("host", ["conv"], 1) is None


def test_libraries_are_counted_once_and_calls_each():
    one, two = (predicted_code("cortex-m0plus", ["conv", *more], 3) for more in ([], ["single"]))
    single = predicted_code("cortex-m0plus", ["single"], 3)
    assert max(one.libraries, single.libraries) <= two.libraries < one.libraries + single.libraries
    again = predicted_code("cortex-m0plus", ["conv"], 4)
    assert again.kernels - one.kernels == 19  # about what a call takes


def test_missing_tools_are_one_line_with_their_packages(folder, command, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceToolError, match="apt-get install gcc-arm-none-eabi") as caught:
        check_tools()
    assert "qemu-system-arm" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("device", ["esp32", "raspberrypi4", "max78000"])
def test_cores_that_are_not_emulated_are_refused(device, folder):
    loaded = load_device(device)
    if loaded.core.startswith("Cortex-M"):
        pytest.skip("its core is emulated")
    with pytest.raises(DeviceCodeError, match="emulated cores are Cortex-M0"):
        emulate(folder, loaded)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"network": 3}', b"\xff", None])
def test_a_folder_of_something_else_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(DeviceCodeError, match=r"export DIR --design ID --c"):
        emulate(tmp_path, load_device("stm32l432"))
