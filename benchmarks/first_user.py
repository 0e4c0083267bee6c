"""What a first user does, with the minutes that each takes: three networks on two devices from search to answer, and
then around these runs what is asked next.

    python benchmarks/first_user.py --networks ../shared/mlperf-tiny [--trials 60] [--more="--sampler tpe --no-gap"]

The folder has networks.py and data.py of MLPerf Tiny. Every task is commands as they are typed, in a new folder with
an empty cache; it ends with the line that is the answer, which is printed.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

OWN = """
def update_ms(design):
    return design.figures["flash_bytes"] / 20
"""


@dataclass(frozen=True)
class Task:
    """Something that a user wants to know.

    Args:
        name: in words.
        commands: without the program's name.
        answer: what the line begins with that answers it.
    """

    name: str
    commands: tuple[str, ...]
    answer: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--more", default="", help="options that every search has besides")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "own.py").write_text(OWN)
        os.environ["FILTERFRONT_CACHE"] = str(place / "cache")
        print(f"| task | commands | minutes | of the processor | the answer |\n{'|---' * 5}|")
        for task in tasks(arguments.networks.resolve(), f"{arguments.more} --trials", arguments.trials):
            began, used, said = time.monotonic(), _processor_seconds(), ""
            for command in task.commands:
                said = _run(command, place)
            line = next((line for line in said.splitlines() if line.startswith(task.answer)), "-")
            shown = re.sub(r"\s+", " ", line).replace("|", "/")[:170]
            minutes = [(time.monotonic() - began) / 60, (_processor_seconds() - used) / 60]
            print(f"| {task.name} | {len(task.commands)} | {minutes[0]:.1f} | {minutes[1]:.1f} | {shown} |", flush=True)
        print(f"\n{arguments.trials} trials a search; load average at the end {os.getloadavg()[0]:.1f}")


def _processor_seconds() -> float:
    """Of the commands so far, and of the processes that they have waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def tasks(networks: Path, more: str, trials: int) -> list[Task]:
    """The tasks in order; later ones ask the runs of earlier ones.

    Args:
        networks: the folder.
        more: options of every search, ``--trials`` the last.
        trials: of each.
    """
    data = f"--data {networks}/data.py:kws"
    found = []
    for name, device, given in (
        ("ds_cnn", "stm32l432", data),
        ("ds_cnn", "stm32f446", data),
        ("resnet8", "stm32l432", ""),
        ("resnet8", "stm32f446", ""),
        ("autoencoder", "stm32l432", ""),
        ("autoencoder", "stm32f446", ""),
    ):
        search = f"search --network {networks}/networks.py:{name} {given} --device {device} {more} {trials}"
        what = "labelled data" if given else "no data"
        found.append(Task(f"{name} on {device}, {what}", (f"{search} --out {name}-{device}",), "Recommended:"))
    first = "ds_cnn-stm32l432"
    return [
        *found,
        Task("and with 8 KiB of flash", (f"within {first} --flash 8KiB",), "What-if"),
        Task("and on another device", (f"within {first} --device rp2040",), "What-if"),
        Task("two runs beside each other", (f"compare {first} ds_cnn-stm32f446 --plot both.png",), first),
        Task("more trials", (_again(networks, data, f"{more} {trials + 3}", first),), "Recommended:"),
        Task(
            "an objective of one's own",
            (f"search --config {first}/run.json --objective own.py:update_ms --sampler tpe --no-gap --out own",),
            "Recommended:",
        ),
        Task("a colleague's recipe", (f"search --config {first}/run.json --seed 1 --out shared",), "Recommended:"),
        Task("a design as C", (f"export {first} --design {{design}} --c",), "c:"),
    ]


def _again(networks: Path, data: str, more: str, out: str) -> str:
    same = f"--network {networks}/networks.py:ds_cnn {data} --device stm32l432"
    return f"search {same} {more} --out {out} --resume"


def _run(command: str, folder: Path) -> str:
    """All that a command prints."""
    words = command.split()
    if "{design}" in words:
        run = folder / words[1]
        shown = subprocess.run([sys.executable, "-m", "filterfront", "show", run, "-q"], capture_output=True, text=True)
        words[words.index("{design}")] = re.search(r"Recommended: (\w+)", shown.stdout)[1]
    done = subprocess.run([sys.executable, "-m", "filterfront", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode in ((0, 1) if words[0] == "within" else (0,)), f"{command}: {done.stderr[-500:]}"
    return done.stdout


if __name__ == "__main__":
    main()
