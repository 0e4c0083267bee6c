"""What a package index and a reference manager show of the project."""

import importlib.util
import json
import re
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from costmodels.references import REFERENCES

ROOT = Path(__file__).parents[2]
CITATION_SCHEMA = Path(__file__).parent / "schemas" / "citation-file-format-1.2.0.json"
"""The schema of the Citation File Format 1.2.0, whose authors publish it under CC BY 4.0."""
THE_PAPERS = ("lan2021stacking", "chen2018linear", "lan2024sparse")


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


@pytest.fixture(scope="module")
def setup():
    spec = importlib.util.spec_from_file_location("filterfront_setup", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_citation_file_is_valid(citation):
    jsonschema.Draft7Validator(json.loads(CITATION_SCHEMA.read_text())).validate(citation)


def test_an_invalid_citation_file_is_found(citation):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(json.loads(CITATION_SCHEMA.read_text())).validate({**citation, "authors": []})


def test_the_papers_are_cited_as_the_code_cites_them(citation):
    cited = {entry["doi"]: entry for entry in citation["references"]}
    for reference in map(REFERENCES.get, THE_PAPERS):
        entry = cited.pop(reference.url.removeprefix("https://doi.org/"))
        names = [f"{author['given-names']} {author['family-names']}" for author in entry["authors"]]
        assert (entry["title"], entry["year"]) == (reference.title, reference.year)
        assert ", ".join(names) == reference.authors
    assert not cited


def test_one_version_everywhere(project, citation):
    released = re.search(r"(?m)^## (\S+)$", (ROOT / "CHANGELOG.md").read_text())[1]
    assert project["version"] == citation["version"] == released


def test_only_the_version_of_python_that_is_tested_is_named(project):
    named = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", name) for name in project["classifiers"]]
    assert [match[1] for match in named if match] == ["3.11"]
    assert project["requires-python"] == ">=3.11"
    assert sys.version_info >= (3, 11)


def test_the_dashboard_is_an_extra_of_its_own(project):
    extras = project["optional-dependencies"]
    assert [name for name in extras["dashboard"] if name.startswith("optuna-dashboard")]
    assert not [name for name in project["dependencies"] if "dashboard" in name]


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        (
            "https://host/o/n/raw/v1",
            "[it](https://host/o/n/raw/v1/docs/a.md) ![Front](https://host/o/n/raw/v1/docs/a.png)",
        ),
        (None, "it *Front*"),
    ],
)
def test_a_package_index_gets_links_that_lead_somewhere_or_none(setup, files, shown):
    assert setup.index_readme("[it](docs/a.md) ![Front](docs/a.png)", files) == shown


def test_links_to_elsewhere_stay_as_they_are(setup):
    assert setup.index_readme("[it](https://host/a)", None) == "[it](https://host/a)"


def test_the_readme_of_a_package_index_has_no_relative_link(setup):
    readme = (ROOT / "README.md").read_text()
    for files in (None, "https://host/o/n/raw/v1"):
        targets = re.findall(r"\]\(([^)]*)\)", setup.index_readme(readme, files))
        assert all(target.startswith("https://") for target in targets)
        assert bool(targets) == bool(files)
    assert "*Accuracy against flash" in setup.index_readme(readme, None)
