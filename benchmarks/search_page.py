"""Writes what the benchmarks of searches print into docs/explanation/search.md: ``python benchmarks/search_page.py``.

    python benchmarks/search_page.py [--only NAME] [--peers-python peers/bin/python] [--work runs/search]

Each text stands between two comments of the page, ``<!-- NAME: begins -->`` and ``<!-- NAME: ends -->``. The samplers
take hours, and go on where they were; ``--only NAME`` runs one benchmark and keeps the others, whose text is kept in
``--work``. ModelOpt's environment is described in benchmarks/peers.py; without it the peers are left as they are.
"""

import argparse
import shutil
from pathlib import Path

from sections import DOCS, ONE_THREAD, Section, filled, printed, replace_page, run_sections

SAMPLERS = ("samplers.py", "--out", "{work}/samplers")
RESNET = ("--network", "resnet20-cifar", "--data", "glyphs32")
PEERS = {
    "peers": ("peers.py",),
    "peers-resnet20": ("peers.py", *RESNET, "--caps", "2.5", "4", "--measurements", "30"),
}

SECTIONS = (
    Section("samplers", "", "", SAMPLERS, ONE_THREAD),
    Section(
        "samplers-resnet20",
        "",
        "",
        (
            *SAMPLERS,
            *RESNET,
            *["--device", "stm32f446", "--validation-images", "128", "--statistics-images", "64"],
            *["--guided-measurements", "100"],
        ),
        ONE_THREAD,
    ),
    Section("proxies", "", "", ("proxies.py", "--out", "{work}/proxies"), ONE_THREAD),
    Section("candidates", "", "", ("candidates.py",), ONE_THREAD),
    Section("exact", "", "", ("exact.py",), ONE_THREAD, markdown=False),
    Section("records", "", "", ("records.py",), ONE_THREAD),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*(section.name for section in SECTIONS), *PEERS, "none"])
    parser.add_argument("--peers-python", help="an interpreter that has this project and ModelOpt")
    parser.add_argument("--work", type=Path, default=Path("runs") / "search")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    texts = run_sections(SECTIONS, arguments.only, work)
    for name, command in PEERS.items():
        if arguments.peers_python and arguments.only in (None, name):
            texts[name] = printed(Section(name, "", "", command, ONE_THREAD), work, arguments.peers_python)
            (work / f"{name}.md").write_text(texts[name])
    page = (DOCS / "explanation" / "search.md").read_text(encoding="utf-8")
    for name, text in texts.items():
        page = filled(page, name, text)
    replace_page(DOCS / "explanation" / "search.md", page)
    for picture in (work / "samplers").glob("*.png"):
        shutil.copy(picture, DOCS / "explanation" / f"samplers-{picture.name}")


if __name__ == "__main__":
    main()
