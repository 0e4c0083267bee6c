"""The sources that docstrings of searches cite and those that are listed are the same."""

import ast
import re
from pathlib import Path

import pytest

import searches
from costmodels.references import REFERENCES
from searches.references import ALGORITHMS

KNOWN = REFERENCES | ALGORITHMS
MODULES = sorted(Path(searches.__file__).parent.rglob("*.py"))
KEY = re.compile(r"\[([a-z]+(?:19|20)\d\d[a-z0-9]+)\]")
ENTRY = re.compile(r"^    \[(\w+)\] (.+?)(?=^    \[|\Z)", re.MULTILINE | re.DOTALL)


def docstring(path):
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def entries(text):
    """What stands under ``References:``, by key."""
    return {key: " ".join(said.split()) for key, said in ENTRY.findall(text.partition("References:\n")[2])}


def test_every_listed_source_is_cited():
    cited = {key for path in MODULES for key in KEY.findall(docstring(path))}
    assert cited >= ALGORITHMS.keys()
    assert not ALGORITHMS.keys() & REFERENCES.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_a_docstring_cites_it_names_in_full(path):
    """Every key in the text has its entry, with the listed title, family names and year."""
    text = docstring(path)
    said = entries(text)
    assert set(KEY.findall(text.partition("References:\n")[0])) == said.keys() <= KNOWN.keys()
    for key, entry in said.items():
        reference = KNOWN[key]
        assert reference.title.lower() in entry.lower()
        assert entry.endswith(f"{reference.year}.")
        names = [author.split()[-1] for author in reference.authors.split(", ")]
        assert all(name in entry for name in names[:3])


@pytest.mark.parametrize("reference", ALGORITHMS.values(), ids=lambda reference: reference.key)
def test_a_source_is_complete(reference):
    surname = reference.authors.split(",")[0].split()[-1].lower()
    assert re.fullmatch(rf"{surname}{reference.year}[a-z]+", reference.key)
    assert all((reference.title, reference.venue))
    assert reference.url.startswith("https://")
