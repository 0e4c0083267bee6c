"""Every command in the documentation runs as it is written; searches with fewer trials, one of them with the gap."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MOST_TRIALS = 8


def commands() -> list[tuple[str, str]]:
    """(page, command) for each line of a console block that begins with a prompt."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL):
            found += [(page.name, line[2:]) for line in block.splitlines() if line.startswith("$ ")]
    return found


def test_there_are_commands_to_run():
    assert {page for page, _ in commands()} >= {"README.md", "search.md"}


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_of_the_documentation_runs(page, line, command, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(line)
    assert program == "filterfront"
    if arguments[0] == "search":
        arguments += ["--trials", str(MOST_TRIALS)]  # the last one given counts
        if "--gap-eps" not in arguments:
            # Fitting whole spaces takes minutes; one command does it.
            arguments += ["--no-gap", *([] if "--sampler" in arguments else ["--sampler", "tpe"])]
    done = command(*arguments)
    assert done.code == 0, done.err
    assert done.out


def test_links_and_pictures_of_the_documentation_exist():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_shows_a_command_and_its_picture_early():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) < 100
    assert any(line.startswith("$ filterfront search") for line in lines[:30])
    assert any("docs/front.png" in line for line in lines[:30])
