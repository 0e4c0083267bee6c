"""Every command in the documentation runs as it is written; searches and trainings are shorter, one with the gap."""

import csv
import re
import shlex
import shutil
from pathlib import Path

import pytest

from explorer.networks.zoo import ZOO
from explorer.validation import validate as validation
from explorer.validation.validate import Effort

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHORTER = {
    "search": ("--trials", "3", "--calibration-images", "0", "--validation-images", "100"),
    "train": ("--epochs", "1"),
    "finetune": ("--epochs", "1"),
}
"""Options that are added to a command; of an option that is given twice the last one counts."""

FEW_LAYERS = Effort(packed=3, counted=2, expanded=1, run=3, largest=2_000, timed=0)
"""What ``filterfront validate --quick`` checks here, with one network of the zoo."""


def commands(page: Path) -> list[str]:
    """The lines of the page's console blocks that begin with a prompt."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


WITH_COMMANDS = {name(page): commands(page) for page in PAGES if commands(page)}


def test_there_are_commands_to_run():
    assert set(WITH_COMMANDS) >= {"README.md", "docs/tutorial/first-search.md", "docs/how-to/device.md"}


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_the_commands_of_a_page_run_one_after_the_other(page, command, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Effort, "quick", classmethod(lambda cls, seed=0: FEW_LAYERS))
    monkeypatch.setattr(validation, "ZOO", {"digits-cnn": ZOO["digits-cnn"]})
    for line in WITH_COMMANDS[page]:
        program, *arguments = shlex.split(line)
        assert program == "filterfront"
        done = command(*shortened(arguments))
        assert done.code == 0, f"{line}\n{done.err}"
        assert done.out, line


def shortened(arguments: list[str]) -> list[str]:
    """The arguments of a command that takes seconds."""
    added = [*SHORTER.get(arguments[0], ())]
    if "--finetune-top" in arguments:
        added += ["--finetune-top", "1", "--finetune-epochs", "1"]
    if arguments[0] == "search" and "--gap-eps" not in arguments:
        # Fitting whole spaces takes a while; one command does it, of two forms.
        added += ["--no-gap", *([] if "--sampler" in arguments else ["--sampler", "tpe"])]
    if "--gap-eps" in arguments:
        added += ["--schemes", "dense,stacked-binary"]
    if "--design" in arguments:
        # A shorter search finds other designs than the one that the page names.
        front = csv.DictReader((Path(arguments[1]) / "front.csv").read_text().splitlines())
        added += ["--design", next(front)["design"]]
    return arguments + added


def test_links_and_pictures_of_the_readme_and_the_guide_for_contributors_exist():
    # Those of the other pages are checked when the site is built.
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_shows_a_command_and_its_picture_early():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) < 100
    assert any(line.startswith("$ filterfront search") for line in lines[:30])
    assert any("docs/front.png" in line for line in lines[:30])
