"""Files looked at before torch is loaded: what is refused, and that torch's own files are not."""

import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from explorer.networks.first_look import look_at_network, look_at_weights
from explorer.system.errors import CallableError, NetworkError

STATE = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4)).state_dict()
HUGE = b'{"a":{"dtype":"U8","shape":[4611686018427387904],"data_offsets":[0,0]}}'


class Runs:
    def __reduce__(self):
        return os.system, ("touch ran",)


def squeezed() -> bytes:
    stored, out = io.BytesIO(), io.BytesIO()
    torch.save(STATE, stored)
    with zipfile.ZipFile(stored) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name))
    return out.getvalue()


def test_files_of_torch_are_taken(tmp_path):
    for number, whole in enumerate((STATE, {"state_dict": STATE, "epoch": 3, "lr": [0.1]})):
        for is_new in (True, False):
            path = tmp_path / f"{number}-{is_new}.pt"
            torch.save(whole, path, _use_new_zipfile_serialization=is_new)
            look_at_weights(path)
    save_file(STATE, tmp_path / "w.safetensors")
    look_at_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pt", pickle.dumps(Runs(), 2), "it names posix system, which no state dict needs; w.pt is a readable"),
        ("w.pt", b"\x80\x02]" + b"2\x86" * 60 + b".", "a pickle that grows as it is read"),
        ("w.pt", b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f", "w.pt is a readable weights file"),
        ("w.pt", b"", "it begins with nothing, as no file of torch does"),
        ("w.pt", squeezed(), "is compressed, which torch does to none"),
        ("w.safetensors", struct.pack("<Q", 2**62), "a header of 4,611,686,018,427,387,904 bytes in a file of 8"),
        ("w.safetensors", struct.pack("<Q", len(HUGE)) + HUGE, "w.safetensors is a readable weights file"),
        ("w.txt", b"", "a weights file is .safetensors, .pt or .pth"),
    ],
)
def test_what_holds_no_weights_is_refused(tmp_path, monkeypatch, name, content, message):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    with pytest.raises(NetworkError, match=message):
        look_at_weights(Path(name))
    assert not Path("ran").exists()


def test_networks_are_looked_at_by_their_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.onnx").write_bytes(b"[" * 1000)
    with pytest.raises(NetworkError, match=r"net\.onnx is a whole ONNX model; export it again"):
        look_at_network("net.onnx")
    Path("net.onnx").write_bytes(b"")
    with pytest.raises(NetworkError, match="0 bytes, where ONNX has some"):
        look_at_network("net.onnx")
    with Path("net.onnx").open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(NetworkError, match="2,147,483,648 bytes, where ONNX has some and less than 2 GiB"):
        look_at_network("net.onnx")
    with pytest.raises(NetworkError, match="the ONNX file exists"):
        look_at_network("none.onnx")
    with pytest.raises(CallableError, match=r"none\.py; the file exists"):
        look_at_network("none.py:build")
    look_at_network("resnet18")


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        (
            ("config.first_look", "search.shared_job", "search.study_name", "deployment.packed.first_look"),
            "torch numba pandas",
        ),
        (("runs.recorded_config", "data.idx", "data.cifar10", "data.image_folder"), "torch numba"),
    ],
)
def test_none_of_it_loads_what_takes_long(modules, heavy):
    names = ", ".join(f"explorer.{name}" for name in modules)
    code = f"import sys, {names}; print(sorted({set(heavy.split())} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
