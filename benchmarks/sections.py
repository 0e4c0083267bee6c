"""Sections of a page of the documentation: each is what one command prints, as it prints it."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Section:
    """A command, and the text above what it prints.

    Args:
        command: arguments of python; ``{work}`` is the folder for files.
        markdown: what is printed is Markdown.
    """

    name: str
    title: str
    text: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    markdown: bool = True

    @property
    def shown(self) -> str:
        """The command as a user types it."""
        settings = " ".join(f"{name}={value}" for name, value in self.environment.items())
        command = "filterfront" if self.command[0] == "-m" else f"python benchmarks/{self.command[0]}"
        arguments = self.command[2:] if self.command[0] == "-m" else self.command[1:]
        return " ".join(filter(None, (settings, command, *arguments))).replace("{work}", "validation")


def printed(section: Section, work: Path, python: str = sys.executable) -> str:
    """What the section's command prints under an interpreter."""
    arguments = [part.replace("{work}", str(work)) for part in section.command]
    if arguments[0] != "-m":
        arguments[0] = str(HERE / arguments[0])
    environment = {**os.environ, **section.environment}
    done = subprocess.run(
        [python, *arguments], stdout=subprocess.PIPE, text=True, env=environment, check=True, cwd=HERE.parent
    )
    text = done.stdout.strip()
    return text if section.markdown else f"```text\n{text}\n```"


def run_sections(sections: Sequence[Section], only: str | None, work: Path) -> dict[str, str]:
    """The texts of all sections that were ever run, by name; they are kept in ``work``. ``only`` runs a single one."""
    work.mkdir(parents=True, exist_ok=True)
    chosen = [section for section in sections if only in (None, section.name)]
    for section in tqdm(chosen, desc="sections", disable=None):
        (work / f"{section.name}.md").write_text(printed(section, work))
    return {path.stem: path.read_text() for path in work.glob("*.md")}


def filled(page: str, name: str, text: str) -> str:
    """The page with the text between ``<!-- NAME: begins -->`` and ``<!-- NAME: ends -->``.

    Raises:
        ValueError: the page has no such comments.
    """
    begins, ends = f"<!-- {name}: begins -->\n", f"<!-- {name}: ends -->"
    if page.count(begins) != 1 or page.count(ends) != 1:
        raise ValueError(f"the page has no place for {name}")
    return re.sub(f"{begins}.*?{ends}", lambda found: f"{begins}{text.strip()}\n{ends}", page, flags=re.DOTALL)


def replace_page(path: Path, text: str) -> None:
    """Puts the text in the place of the page, whole or not at all."""
    unfinished = path.with_suffix(".md.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
