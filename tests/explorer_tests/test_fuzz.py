"""Every kind of file that a stranger may give, changed at random: it is read, or refused in one line with a reason.

`FILTERFRONT_FUZZ=20000 pytest tests/explorer_tests/test_fuzz.py --hypothesis-profile random` looks longer.
"""

import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from costmodels import ConvShape, FilterfrontError, LayerSpec, NetworkSpec, Operation, TensorSpec, load_device
from explorer.config.file import read_config
from explorer.config.search import make_config
from explorer.data.idx import read_idx
from explorer.data.image_folder import load_image_folder
from explorer.deployment.device_code.emulation.model_record import read_record
from explorer.runs.status import run_status
from explorer.search.space_grid import search_grid
from reports.run_folder import read_run
from searches.space import build_space

EXAMPLES = int(os.environ.get("FILTERFRONT_FUZZ", "0"))
ODD = (
    None,
    True,
    -1,
    0,
    2**62,
    2**63,
    10**30,
    1e308,
    float("inf"),
    "",
    "\x1b]0;x\x07",
    "a" * 3000,
    [],
    {},
    [[]],
    {"": 0},
)


CODE = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)).eval(), torch.zeros(1, 1, 4, 4)
"""


def fuzzed(examples: int) -> Any:
    """So many examples, or as many as are asked for."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=EXAMPLES or examples, deadline=None, suppress_health_check=checks, database=None)


@st.composite
def changed_bytes(draw: Any, content: bytes) -> bytes:
    """The content cut, repeated and overwritten at a few places."""
    found = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(found) - 1, 0)))
        kind = draw(st.sampled_from(("put", "cut", "repeat", "end")))
        if kind == "put":
            found[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=6))
        elif kind == "cut":
            del found[place : place + draw(st.integers(1, 40))]
        elif kind == "repeat":
            found[place:place] = found[place : place + draw(st.integers(1, 40))]
        else:
            del found[place:]
    return bytes(found)


@st.composite
def changed_json(draw: Any, plain: Any) -> Any:
    """The data with other values at a few places, at any depth."""
    found = json.loads(json.dumps(plain))
    for _ in range(draw(st.integers(1, 3))):
        part = found
        while True:
            keys = list(part) if isinstance(part, dict) else list(range(len(part)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(part[key], dict | list) and part[key] and draw(st.integers(0, 3)):
                part = part[key]
                continue
            if draw(st.booleans()) or not isinstance(part, dict):
                part[key] = draw(st.sampled_from(ODD))
            else:
                del part[key]
            break
    return found


def read_or_refused(read: Any, *arguments: Any) -> None:
    """Nothing else is raised than what the command says in one line."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), suppress(FilterfrontError, OSError):
        read(*arguments)


@pytest.fixture(scope="module")
def run(once, run_filterfront):
    """A run without data, in a folder that may be changed as long as it is put back."""

    def search(folder: Path) -> None:
        folder.mkdir()
        (folder / "net.py").write_text(CODE)
        options = "--network net.py:build --flash 4KiB --schemes dense --sampler random --trials 3 --no-gap --out run"
        done = run_filterfront("search", *options.split(), cwd=folder)
        assert done.returncode == 0, done.stderr

    return once("fuzzed-run", search) / "run"


def with_file(path: Path, content: bytes, read: Any, *arguments: Any) -> None:
    """Reads with another content of a file, which is put back."""
    before = path.read_bytes()
    try:
        path.write_bytes(content)
        read_or_refused(read, *arguments)
    finally:
        path.write_bytes(before)


@fuzzed(40)
@given(data=st.data())
def test_run_json(run, data):
    path = run / "run.json"
    changed = data.draw(changed_json(json.loads(path.read_bytes())))
    with_file(path, json.dumps(changed).encode(), read_run, run)
    with_file(path, json.dumps(changed).encode(), lambda: make_config(**read_config(path, trust=True)))


@fuzzed(20)
@given(data=st.data())
def test_designs(run, data):
    path = next((run / "designs").glob("*.json"))
    changed = data.draw(changed_json(json.loads(path.read_bytes())))
    with_file(path, json.dumps(changed).encode(), read_run, run)


@fuzzed(40)
@given(data=st.data())
def test_tables(run, data):
    path = run / data.draw(st.sampled_from(("front.csv", "trials.csv", "layers.csv", "baselines.csv")))
    with_file(path, data.draw(changed_bytes(path.read_bytes())), read_run, run)


@fuzzed(40)
@given(data=st.data())
def test_journals(run, data):
    path = run / "study.journal"
    lines = path.read_bytes().splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    if data.draw(st.booleans()):
        lines[place] = json.dumps(data.draw(changed_json(json.loads(lines[place])))).encode()
        content = b"\n".join([*lines, b""])
    else:
        content = data.draw(changed_bytes(path.read_bytes()))
    with_file(path, content, run_status, run)


DEVICE = (resources.files("costmodels") / "devices" / "stm32l432.toml").read_bytes()


@fuzzed(30)
@given(data=st.data())
def test_devices(tmp_path, data):
    path = tmp_path / "device.toml"
    path.write_bytes(data.draw(changed_bytes(DEVICE)))
    read_or_refused(load_device, path)


NETWORK = NetworkSpec(
    name="small",
    layers=(LayerSpec("conv", ConvShape(4, 2, (3, 3), (6, 6), padding=(1, 1))),),
    tensors=(TensorSpec("in", 72), TensorSpec("out", 144)),
    operations=(Operation("conv", "conv2d", ("in",), "out", "counted", "", "conv"),),
    inputs=("in",),
    outputs=("out",),
)
SPACE = b"""[dense]
weight_bits = [4, 8]
[stacked-binary]
segments = [1, 2]
filters = ["1/2", "1/1"]
"""


@fuzzed(30)
@given(data=st.data())
def test_spaces(tmp_path, data):
    path = tmp_path / "space.toml"
    path.write_bytes(data.draw(changed_bytes(SPACE)))
    read_or_refused(lambda: build_space(NETWORK, search_grid(make_config(space=path))))


OPTIONS = b"""network = "net.py:build"
flash = "4KiB"
trials = 500
schemes = ["dense", "stacked-binary"]
[layers]
first = "dense(weight_bits=8)"
"""


@fuzzed(40)
@given(data=st.data())
def test_options(tmp_path, data):
    path = tmp_path / "options.toml"
    path.write_bytes(data.draw(changed_bytes(OPTIONS)))
    read_or_refused(lambda: make_config(**read_config(path)))


@fuzzed(20)
@given(data=st.data())
def test_images(tmp_path, data):
    folder = tmp_path / "images"
    for name in ("a", "b"):
        (folder / "train" / name).mkdir(parents=True, exist_ok=True)
        for number in range(4):
            Image.new("RGB", (8, 8), (30 * number, 9, 60)).save(folder / "train" / name / f"{number}.png")
    path = folder / "train" / "a" / "0.png"
    path.write_bytes(data.draw(changed_bytes(path.read_bytes())))
    read_or_refused(load_image_folder, str(folder))


@fuzzed(30)
@given(data=st.data())
def test_idx_files(tmp_path, data):
    path = tmp_path / "train-images"
    path.write_bytes(data.draw(changed_bytes(b"\0\0\x08\x03\0\0\0\x02\0\0\0\x03\0\0\0\x03" + bytes(18))))
    read_or_refused(read_idx, path)


@fuzzed(20)
@given(data=st.data())
def test_records_of_c_folders(tmp_path, data):
    step = {"name": "conv", "kind": "conv", "bytes": 3}
    plain = {"network": "n", "vectors": 1, "arena_bytes": 8, "packed_bytes": 4, "number_bytes": 4, "steps": [step]}
    (tmp_path / "model.json").write_text(json.dumps(data.draw(changed_json(plain))))
    read_or_refused(read_record, tmp_path)
