"""Files and code of strangers, given to every command that reads them: each has to end in one line.

    python benchmarks/attacks.py [--only TEXT] [--part 1/2]

Every attack is a file that is no file, is too long, too deep or too large in what it says, or code that a folder from
elsewhere wants to run. A command may refuse it in one line or do its work; it may not hang, show a traceback, send a
control character to the terminal or run the code.
"""

import argparse
import gzip
import io
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from watched import NET, Watched, watch

from explorer.system.container import read_container, write_container

Process = get_context("fork").Process
DEEP, LONG = 200_000, 40 * 2**30
ESCAPE = "\x1b]0;own\x07\u202e"
Prepare = Callable[[Path], None]


@dataclass(frozen=True)
class Attack:
    """What is done to a folder with a run, and the command that meets it.

    Args:
        kind: of the file.
        name: of the attack.
        prepare: changes the folder.
        words: of the command.
    """

    kind: str
    name: str
    prepare: Prepare
    words: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="attacks whose kind or name has this text")
    parser.add_argument("--part", default="1/1", help="1/2 and 2/2 are two halves, to run beside each other")
    arguments = parser.parse_args()
    number, parts = map(int, arguments.part.split("/"))
    with tempfile.TemporaryDirectory() as scratch:
        home, place = Path(scratch) / "home", Path(scratch) / "try"
        made = _base(place)
        shutil.move(place, home)
        found = []
        for attack in list(attacks(made))[number - 1 :: parts]:
            if arguments.only in f"{attack.kind}: {attack.name}":
                found.append((attack, _try(attack, home, Path(scratch))))
                _print(*found[-1])
        _table(found)


def _base(home: Path) -> str:
    """A folder with a network, a run of it and an exported design, whose id is returned."""
    home.mkdir()
    (home / "net.py").write_text(NET)
    search = "search --network net.py:build --flash 4KiB --schemes dense --sampler random --trials 3 --no-gap --out run"
    done = watch(search.split(), home)
    assert done.code == 0, done.err
    design = next((home / "run" / "designs").glob("*.json")).stem
    done = watch(["export", "run", "--design", design], home)
    assert done.code == 0, done.err
    return design


def _try(attack: Attack, home: Path, scratch: Path) -> tuple[Watched, bool]:
    """How the command ended, and whether code of the stranger ran."""
    place = scratch / "try"
    shutil.copytree(home, place)
    try:
        prepared = Process(target=attack.prepare, args=(place,))  # apart: what it takes would count as the command's
        prepared.start()
        prepared.join()
        assert prepared.exitcode == 0, attack
        done = watch(attack.words, place)
        return done, any(place.rglob("ran"))
    finally:
        shutil.rmtree(place)


def _print(attack: Attack, result: tuple[Watched, bool]) -> None:
    done, ran = result
    faults = [
        name
        for name, is_so in (
            ("HANG", done.hung),
            ("TRACEBACK", done.has_traceback),
            ("GARBAGE", done.has_garbage),
            ("RAN CODE", ran),
            ("LINES", done.code != 0 and len(done.said) != 1),
            ("SLOW", done.code != 0 and done.processor > 2.5),
            ("LARGE", done.code != 0 and done.mebibytes > 500),
        )
        if is_so
    ]
    said = (done.said or [""])[-1][:150]
    cost = f"{done.seconds:.1f} s, {done.processor:.1f} s of processor, {done.mebibytes:.0f} MiB"
    line = f"{attack.kind}: {attack.name}: {done.code}, {cost}"
    print(f"{line} {' '.join(faults)}\n    {said!r}", flush=True)


def _table(found: list[tuple[Attack, tuple[Watched, bool]]]) -> None:
    heads = "attack | tries | refused | code run | tracebacks | hangs | garbage | more than a line"
    print(f"\n| {heads} | longest refusal, s | of it processor, s | largest, MiB |\n{'|---' * 11}|")
    kinds = [*dict.fromkeys(attack.kind for attack, _ in found), ""]
    for kind in kinds:
        rows = [result for attack, result in found if kind in ("", attack.kind)]
        done = [one for one, _ in rows]
        faults = (
            sum(one.code != 0 for one in done),
            sum(ran for _, ran in rows),
            sum(one.has_traceback for one in done),
            sum(one.hung for one in done),
            sum(one.has_garbage for one in done),
            sum(one.code != 0 and len(one.said) != 1 for one in done),
        )
        refused = [one for one in done if one.code != 0]
        costs = [[getattr(one, name) for one in refused] for name in ("seconds", "processor", "mebibytes")]
        worst = " | ".join(f"{max(values, default=0):.1f}" for values in costs)
        print(f"| {kind or 'all'} | {len(done)} | {' | '.join(map(str, faults))} | {worst} |")


def attacks(design: str) -> Iterator[Attack]:
    """Every attack, for a run whose design is exported."""
    packed = f"run/exports/{design}/packed.safetensors"
    search = "search --network net.py:build --flash 4KiB --schemes dense --sampler random --no-gap"
    readers = {
        "packed file": (packed, f"run {packed}"),
        "run.json": ("run/run.json", "show run", "search --config run/run.json --out again"),
        "design": (
            f"run/designs/{design}.json",
            f"show run {design}",
            f"export run --design {design} --out out --trust",
        ),
        "CSV": ("run/front.csv", "show run", "compare run run"),
        "trials": ("run/trials.csv", "within run --flash 8KiB", "report run"),
        "journal": ("run/study.journal", "status run", f"{search} --trials 4 --out run --resume"),
        "space": ("space.toml", f"{search} --space space.toml"),
        "device": ("dev.toml", "search --network net.py:build --device ./dev.toml"),
        "options": ("options.toml", f"{search} --config options.toml --trials 2"),
        "weights": ("w.safetensors", f"{search} --weights w.safetensors --trials 1"),
        "pickle": ("w.pt", f"{search} --weights w.pt --trials 1"),
        "ONNX": ("net.onnx", "cost --network net.onnx --scheme dense"),
        "image": ("img/a/1.png", f"{search} --data images:img --trials 2"),
        "IDX": ("idx/train-images", f"{search} --data idx:idx --trials 2"),
        "CIFAR-10": ("cifar/data_batch_1", f"{search} --data cifar10:cifar --trials 2"),
        "C folder": ("c/model.json", "emulate c --device stm32l432"),
    }
    for kind, (place, *commands) in readers.items():
        for text in commands:
            words, command = text.split(), text.partition(" ")[0]
            for name, change in _of_any_file():
                yield Attack(kind, f"{name} ({command})", _replace(kind, place, change), words)
            for name, change in _OF_KIND.get(kind, {}).items():
                yield Attack(kind, f"{name} ({command})", _replace(kind, place, change), words)
    yield from _of_words(search)
    yield from _of_jobs()
    yield from _of_code(design)


def _replace(kind: str, place: str, change: Prepare) -> Prepare:
    def prepare(folder: Path) -> None:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        _neighbours(kind, path)
        change(path)

    return prepare


def _neighbours(kind: str, path: Path) -> None:
    """What has to be there for the file to be read at all."""
    if kind == "image":
        for name in ("a", "b"):
            (path.parents[1] / name).mkdir(exist_ok=True)
            for number in range(12):
                Image.new("L", (8, 8), 9 * number).save(path.parents[1] / name / f"{number}.png")
    if kind == "IDX":
        for name in ("train-labels", "t10k-images", "t10k-labels"):
            (path.parent / name).write_bytes(b"\0\0\x08\x01\0\0\0\x02\0\1")
    if kind == "CIFAR-10":
        for name in (*(f"data_batch_{number}" for number in range(2, 6)), "test_batch"):
            (path.parent / name).write_bytes(b"")


def _of_any_file() -> Iterator[tuple[str, Prepare]]:
    yield "a FIFO", _fresh(os.mkfifo)
    yield "a folder", _fresh(lambda path: path.mkdir())
    yield "a link to /dev/zero", _fresh(lambda path: path.symlink_to("/dev/zero"))
    yield "a link to itself", _fresh(lambda path: path.symlink_to(path))
    yield "40 GiB of zeros", _fresh(_sparse)
    yield "empty", lambda path: path.write_bytes(b"") and None
    yield "random bytes", lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)) and None
    yield "brackets within brackets", lambda path: path.write_bytes(b"[" * DEEP) and None
    yield "objects within objects", lambda path: path.write_bytes(b'{"a":' * DEEP) and None
    yield "control characters", lambda path: path.write_text(f'{{"{ESCAPE}": "{ESCAPE}"}}') and None
    yield "a number of 100,000 digits", lambda path: path.write_bytes(b'{"a":' + b"9" * 100_000 + b"}") and None


def _fresh(make: Callable[[Path], object]) -> Prepare:
    def prepare(path: Path) -> None:
        path.unlink(missing_ok=True)
        make(path)

    return prepare


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(LONG)


# Packed files whose checksum is right


def _packed(edit: Callable[[dict, dict], object]) -> Prepare:
    def prepare(path: Path) -> None:
        facts, tensors = read_container(path.read_bytes(), "file")
        del facts["sha256"]
        edit(facts, tensors)
        path.write_bytes(write_container(tensors, facts))

    return prepare


def _shape(**changes: object) -> Prepare:
    return _packed(lambda facts, tensors: next(iter(facts["layers"].values()))["shape"].update(changes))


def _node(*node: object) -> Prepare:
    """A node before the output."""

    def edit(facts: dict, tensors: dict) -> None:
        output = facts["nodes"].pop()
        facts["nodes"] += [list(node), output]
        facts["nodes"][-1] = ["output", len(facts["nodes"]) - 2]

    return _packed(edit)


def _header(text: bytes, length: int | None = None) -> Prepare:
    return lambda path: path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text) and None


HUGE, WIDE = 2**62, 2**40
_LAST = {"node": 0}
_PACKED_EDITS: dict[str, Prepare] = {
    "a header of 2^63 bytes": _header(b"{}", 2**63),
    "a header of brackets": _header(b'{"__metadata__":' + b"[" * DEEP),
    "a tensor of 2^62 values": _header(b'{"a":{"dtype":"U8","shape":[4611686018427387904],"data_offsets":[0,0]}}'),
    "300,000 tensors": _header(
        b"{"
        + b",".join(b'"t%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % number for number in range(300_000))
        + b"}"
    ),
    "2^40 outputs": _shape(out_channels=WIDE),
    "2^40 inputs": _shape(in_channels=WIDE),
    "an input of 2^40 by 2^40": _shape(input_size=[WIDE, WIDE]),
    "padding of 2^40": _shape(padding=[WIDE, WIDE]),
    "padding of 20,000": _shape(padding=[20_000, 20_000]),
    "a kernel of 2^62": _shape(kernel=[HUGE, HUGE]),
    "a shape of floats": _shape(kernel=[3.0, 1e300]),
    "a shape of text": _shape(kernel="33"),
    "images of 2^20 by 2^20": _packed(lambda facts, _: facts.update(inputs=[[1, 2**20, 2**20]])),
    "images of 60,000 by 60,000": _packed(lambda facts, _: facts.update(inputs=[[1, 60_000, 60_000]])),
    "2^40 images at once": _packed(lambda facts, _: facts.update(batch=WIDE)),
    "2^70 images at once": _packed(lambda facts, _: facts.update(batch=2**70)),
    "40,000 inputs": _packed(lambda facts, _: facts.update(inputs=[[1, 6, 6]] * 40_000)),
    "activations of 2^70 bits": _packed(lambda facts, _: facts.update(activation_bits=2**70)),
    "-8 bits": _packed(lambda facts, _: facts.update(activation_bits=-8)),
    "a name with control characters": _packed(lambda facts, _: facts.update(network=ESCAPE, design=ESCAPE)),
    "a scheme of a million letters": _packed(
        lambda facts, _: next(iter(facts["layers"].values())).update(scheme="dense(" * 200_000)
    ),
    "a scheme of 2^62 bits": _packed(
        lambda facts, _: next(iter(facts["layers"].values())).update(scheme=f"dense(weight_bits={HUGE})")
    ),
    "200,000 nodes": _packed(
        lambda facts, _: facts["nodes"].__setitem__(slice(1, 1), [["aten", "relu.default", [_LAST], {}]] * 200_000)
    ),
    "zeros of 2^40": _node("aten", "zeros.default", [[WIDE]], {}),
    "an expansion to 2^40": _node("aten", "expand.default", [_LAST, [WIDE, 1, 6, 6]], {}),
    "a padding of 2^33": _node("aten", "constant_pad_nd.default", [_LAST, [2**33, 0], 0.0], {}),
    "a padding of 30,000 by 30,000": _node("aten", "constant_pad_nd.default", [_LAST, [30_000] * 4, 0.0], {}),
    "2^31 copies": _node("aten", "repeat.default", [_LAST, [2**31, 1, 1, 1]], {}),
    "upsampling to 60,000": _node("aten", "upsample_nearest2d.vec", [_LAST, [60_000, 60_000], None], {}),
    "2^(2^40)": _node("python", "mul", [10**4000, 10**4000], {}),
    "text times 2^40": _node("python", "mul", ["a", WIDE], {}),
    "a list times 2^40": _node("python", "mul", [[1], WIDE], {}),
    "an argument of brackets": _node("aten", "relu.default", [json.loads("[" * 400 + "]" * 400)], {}),
    "pooling of 2^40": _node("aten", "avg_pool2d.default", [_LAST, [WIDE, WIDE]], {}),
    "adaptive pooling to 2^20": _node("aten", "_adaptive_avg_pool2d.default", [_LAST, [2**20, 2**20]], {}),
}


# Run folders


def _json(edit: Callable[[dict], object]) -> Prepare:
    def prepare(path: Path) -> None:
        plain = json.loads(path.read_text())
        edit(plain)
        path.write_text(json.dumps(plain))

    return prepare


def _append(text: bytes) -> Prepare:
    return lambda path: path.write_bytes(path.read_bytes() + text) and None


_RUN_EDITS: dict[str, Prepare] = {
    "a name with control characters": _json(lambda plain: plain["network"].update(name=ESCAPE)),
    "a command with control characters": _json(lambda plain: plain.update(command=ESCAPE)),
    "objectives that are none": _json(lambda plain: plain.update(objectives=[])),
    "an infinite number": lambda path: (
        path.write_text(path.read_text().replace('"seed": 0', '"seed": 1e999').replace('"seed":0', '"seed":1e999'))
        and None
    ),
    "200,000 budgets": _json(lambda plain: plain.update(budgets=plain["budgets"] * 200_000)),
    "a budget of 10^4000": _json(lambda plain: plain["budgets"][0].update(limit=10**4000)),
    "keys of control characters": _json(lambda plain: plain.update({ESCAPE: 1})),
}
_DESIGN_EDITS: dict[str, Prepare] = {
    "a scheme with control characters": _json(lambda plain: next(iter(plain["layers"].values())).update(scheme=ESCAPE)),
    "10,000 designs": lambda path: (
        [path.with_name(f"d{number}.json").write_bytes(path.read_bytes()) for number in range(10_000)] and None
    ),
}
_CSV_EDITS: dict[str, Prepare] = {
    "zeros within": _append(b"\0" * 1000),
    "a quote that never ends": _append(b'"' + b"a" * 10**6),
    "a cell of 50 MB": _append(b"a" * 50_000_000 + b"\n"),
    "200,000 columns": lambda path: path.write_bytes(b",".join(b"c%d" % number for number in range(200_000))) and None,
    "another form of lines": _append(b"1,2,3\r4,5\n"),
    "cells of control characters": lambda path: (
        path.write_text(
            path.read_text().splitlines()[0]
            + "\n"
            + ",".join([ESCAPE] * len(path.read_text().split("\n")[0].split(",")))
        )
        and None
    ),
    "a number of 10,000 digits": lambda path: (
        path.write_text(
            path.read_text().splitlines()[0]
            + "\n"
            + ",".join(["9" * 10_000] * path.read_text().split("\n")[0].count(","))
        )
        and None
    ),
}
_JOURNAL_EDITS: dict[str, Prepare] = {
    "a line of brackets": _append(b"[" * DEEP + b"\n"),
    "a line of objects": _append(b'{"op_code":' * DEEP + b"\n"),
    "an unknown operation": _append(b'{"op_code":99,"worker_id":"a"}\n'),
    "an operation of 10^4000": _append(b'{"op_code":' + b"9" * 4000 + b',"worker_id":"a"}\n'),
    "a trial of study 2^62": _append(b'{"op_code":4,"worker_id":"a","study_id":4611686018427387904}\n'),
    "a result of trial 2^62": _append(
        b'{"op_code":6,"worker_id":"a","trial_id":4611686018427387904,"state":1,"values":[1]}\n'
    ),
    "control characters": _append(f'{{"op_code":0,"worker_id":"a","study_name":"{ESCAPE}"}}\n'.encode()),
    "another study": _append(b'{"op_code":0,"worker_id":"a","study_name":"\\u001b]0;x","directions":[1]}\n'),
}


# Files with code, bombs


class _Runs:
    def __reduce__(self) -> tuple:
        return os.system, ("touch ran",)


def _bomb(path: Path) -> None:
    """A PNG of 60,000 by 60,000 pixels in some kilobytes."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(60_001 * 100), 9)
    parts = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def _zip_bomb(path: Path) -> None:
    """A state dict in whose file a tensor of zeros is squeezed."""
    code = "import sys, torch; torch.save({'0.weight': torch.zeros(4, 1, 3, 3)}, sys.stdout.buffer)"
    stream = io.BytesIO(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
    with zipfile.ZipFile(stream) as stored, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as squeezed:
        for name in stored.namelist():
            content = bytes(700_000_000) if "/data/" in name else stored.read(name)
            squeezed.writestr(name, content)


_PICKLES: dict[str, Prepare] = {
    "a pickle that runs code": lambda path: path.write_bytes(pickle.dumps(_Runs())) and None,
    "a pickle that doubles lists": lambda path: path.write_bytes(b"\x80\x02]" + b"2\x86" * 60 + b".") and None,
    "a pickle of 2^63 bytes": lambda path: path.write_bytes(b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f") and None,
}
_OF_KIND: dict[str, dict[str, Prepare]] = {
    "packed file": _PACKED_EDITS,
    "run.json": _RUN_EDITS,
    "design": _DESIGN_EDITS,
    "CSV": _CSV_EDITS,
    "trials": _CSV_EDITS,
    "journal": _JOURNAL_EDITS,
    "weights": {
        "a tensor of 2^62 values": _PACKED_EDITS["a tensor of 2^62 values"],
        "a header of brackets": _PACKED_EDITS["a header of brackets"],
    },
    "pickle": {**_PICKLES, "a bomb": _zip_bomb},
    "CIFAR-10": _PICKLES,
    "image": {"a bomb": _bomb, "cut short": lambda path: path.write_bytes(path.read_bytes()[:50]) and None},
    "IDX": {
        "dimensions of 2^32": lambda path: path.write_bytes(b"\0\0\x08\x03" + b"\xff" * 12) and None,
        "a bomb": lambda path: (
            path.with_suffix(".gz").write_bytes(
                gzip.compress(b"\0\0\x08\x03\0\0\x20\0\0\0\x01\0\0\0\x01\0" + bytes(2**29))
            )
            and None
        ),
    },
    "space": {
        "a key of 20,000 dots": lambda path: path.write_text(".".join("a" * 20_000) + " = 1") and None,
        "arrays within arrays": lambda path: path.write_text("a = " + "[" * DEEP) and None,
        "a range of 2^62": lambda path: path.write_text("[dense]\nweight_bits = [4611686018427387904]") and None,
        "100,000 choices": lambda path: path.write_text(f"[dense]\nweight_bits = {list(range(1, 100_000))}") and None,
    },
    "device": {
        "arrays within arrays": lambda path: path.write_text("a = " + "[" * DEEP) and None,
        "control characters": lambda path: path.write_text('name = "\\u001b]0;x"\n') and None,
    },
    "options": {
        "a key of 20,000 dots": lambda path: path.write_text(".".join("a" * 20_000) + " = 1") and None,
        "control characters": lambda path: path.write_text('"\\u001b]0;x" = 1\nnetwork = "\\u001b"') and None,
    },
}


# Words of the command line, jobs of a database


def _of_words(search: str) -> Iterator[Attack]:
    nothing: Prepare = lambda folder: None  # noqa: E731
    longest, nested = "9" * 100_000, "(" * 60_000
    words = {
        "a budget of 10^400": ["--flash", "1e400"],
        "a budget of 100,000 digits": ["--flash", longest],
        "trials of 100,000 digits": ["--trials", longest],
        "a seed of 2^70": ["--seed", str(2**70)],
        "objectives of control characters": ["--objectives", ESCAPE],
        "20,000 objectives": ["--objectives", ",".join(f"o{number}" for number in range(20_000))],
        "an objective of one's own of control characters": ["--objective", f"net.py:{ESCAPE}"],
        "schemes of brackets": ["--schemes", f"dense{nested}"],
        "a scheme of 2^62 bits": ["--schemes", f"dense(weight_bits={2**62})"],
        "20,000 schemes": ["--schemes", ",".join(["dense(weight_bits=2)"] * 6_000)],
        "a layer of control characters": ["--layer", f"{ESCAPE}=dense"],
        "a network of control characters": ["--network", f"{ESCAPE}.py:{ESCAPE}"],
        "data of a long name": ["--data", "a" * 100_000],
        "a device of a long name": ["--device", "a" * 100_000],
        "a storage of control characters": ["--storage", f"sqlite:///{ESCAPE}.db"],
        "MLflow of control characters": ["--mlflow", ESCAPE],
        "an infinite latency": ["--max-latency", "infms"],
        "no number of bit-ops": ["--max-bit-ops", "nan"],
    }
    for name, more in words.items():
        yield Attack("command line", name, nothing, [*search.split(), "--trials", "1", "--out", "out", *more])


def _of_jobs() -> Iterator[Attack]:
    plain = {"network": "net.py:build", "flash": "4KiB"}
    nested: object = 1
    for _ in range(90):
        nested = [nested]
    jobs = {
        "code of somebody else": plain,
        "a list": [1],
        "text of control characters": ESCAPE,
        "lists within lists": {"network": nested},
        "options that are none": {**plain, ESCAPE: 1},
        "trials of 10^300": {**plain, "trials": 10**300},
        "a network of control characters": {"network": ESCAPE},
        "a weights file that is a device": {"network": "digits-cnn", "weights": "/dev/zero"},
        "a design space of brackets": {"network": "digits-cnn", "space": {"dense": nested}},
        "a million schemes": {"network": "digits-cnn", "schemes": ["dense"] * 20_000},
    }
    for name, job in jobs.items():
        words = ["worker", "run", "--storage", "sqlite:///jobs.db", "--wait", "0"]
        yield Attack("database job", name, _job(job), words)


def _job(job: object) -> Prepare:
    def prepare(folder: Path) -> None:
        import optuna

        storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/jobs.db")
        study = optuna.create_study(storage=storage, study_name="run", directions=["minimize"] * 2)
        study.set_user_attr("filterfront", job)
        study.set_user_attr("signature", {})
        storage.remove_session()
        storage.engine.dispose()

    return prepare


# Code that a folder from elsewhere names

_SPY = "open('ran', 'w').close()\n" + NET


def _of_code(design: str) -> Iterator[Attack]:
    commands = (
        *("show run", f"show run {design}", "status run", "report run", "compare run run", "within run --flash 8KiB"),
        *(f"export run --design {design} --out out", f"finetune run --design {design}"),
        *("search --config run/run.json --out again", "search --config run/run.json --out run --resume"),
    )
    for text in commands:
        for option in ("network", "data", "metric"):
            for where in ("inside", "outside"):
                yield Attack("code in a run folder", f"{option} {where} it ({text})", _spy(option, where), text.split())


def _spy(option: str, where: str) -> Prepare:
    def prepare(folder: Path) -> None:
        place = folder / "run" / "spy.py" if where == "inside" else folder / "spy.py"
        place.write_text(_SPY)
        callable_name = "parts" if option == "data" else "build"
        path = folder / "run" / "run.json"
        plain = json.loads(path.read_text())
        plain["configuration"][option] = f"{place.relative_to(folder)}:{callable_name}"
        path.write_text(json.dumps(plain))

    return prepare


if __name__ == "__main__":
    main()
