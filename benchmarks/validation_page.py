"""Writes docs/explanation/validation.md and its picture, in about twenty minutes.

    python benchmarks/validation_page.py [--only NAME] [--work runs/validation]

Each section is what one command prints, as it prints it. ``--only NAME`` runs one of them again and keeps the others,
whose text is kept in ``--work``.
"""

import argparse
from pathlib import Path

from kernels import machine
from sections import DOCS, ONE_THREAD, Section, replace_page, run_sections

AVX2 = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
}


SECTIONS = (
    Section(
        "checks",
        "Formulas, counters, kernels and times",
        "Every line but those of times is exact: the figures are equal, or the command ends with 1.",
        ("-m", "explorer", "validate", "--out", "{work}"),
        ONE_THREAD,
        markdown=False,
    ),
    Section(
        "kernels",
        "Kernels compared with torch, one thread",
        "`saved` is what the formula saves of the dense layer's work, the ratio what the kernel saves of torch's time.",
        ("kernels.py",),
        ONE_THREAD,
    ),
    Section(
        "avx2",
        "The same, both sides limited to AVX2",
        "Without AVX-512 there is no instruction that counts bits of a vector: counts are looked up by nibbles. At 64 "
        "channels a window has nine words, and starting and storing a tile takes a third of its time.",
        ("kernels.py",),
        {**ONE_THREAD, **AVX2},
    ),
    Section("network", "ResNet-20 from packed layers", "", ("network.py",), ONE_THREAD),
    Section(
        "host",
        "Whole networks compiled for this machine",
        "`ff.load(path, compiled=True)` beside onnxruntime, in turns; the answers are those of the integer network to "
        "the last bit.",
        ("host.py",),
        ONE_THREAD,
    ),
    Section(
        "mutations",
        "Formulas off by one",
        "Each row: a formula with one bit or one operation too many, and what `validate` says.",
        ("mutations.py",),
        ONE_THREAD,
    ),
    Section(
        "tests",
        "The same before the tests",
        "Of each scheme the first component and the first count, with the tests of the formulas that fail.",
        ("mutations.py", "--tests", "--sample"),
        ONE_THREAD,
    ),
)


def page(texts: dict[str, str]) -> str:
    """The page of all sections that were run."""
    parts = [
        "# What was checked, counted and timed\n\n"
        "`python benchmarks/validation_page.py` writes this page; each section is what its command printed.\n"
        f"Machine: {machine()}, two shared cores. Take the ratios: times of another machine are others.\n"
    ]
    for section in SECTIONS:
        if section.name not in texts:
            continue
        body = texts[section.name]
        parts.append(f"## {section.title}\n{section.text}\n\n```sh\n{section.shown}\n```\n\n{body}\n")
        if section.name == "checks":
            parts.append("![Predicted against measured times of layers](times.png)\n")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[section.name for section in SECTIONS])
    parser.add_argument("--work", type=Path, default=Path("runs") / "validation", help="keeps each section's text")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    texts = run_sections(SECTIONS, arguments.only, work)
    if (work / "times.png").exists():
        (DOCS / "explanation" / "times.png").write_bytes((work / "times.png").read_bytes())
    replace_page(DOCS / "explanation" / "validation.md", page(texts))


if __name__ == "__main__":
    main()
