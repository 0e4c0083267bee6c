"""The documentation as a site: built without a warning, complete, and readable without a network."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from explorer.cli import COMMANDS

ROOT = Path(__file__).parents[2]
LOADED = {"src", "srcset", "poster", "data"}
"""Attributes that a browser loads; and href of a link element, which is a style or an icon."""


@pytest.fixture(scope="session")
def site(once) -> Path:
    """The built site: that of `make docs` where it has just been built, otherwise one of this test run."""
    built = os.environ.get("FILTERFRONT_SITE")
    return ROOT / built if built else once("site", build)


def build(folder: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


class Page(HTMLParser):
    """What a page loads, where its links lead, and its anchors."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.links, self.anchors = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self.loaded |= {value for name, value in given.items() if name in LOADED}
        if tag == "link" and given.get("rel") not in ("next", "prev", "canonical"):
            self.loaded.add(given["href"])
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        self.anchors |= {given[name] for name in ("id", "name") if name in given}


@pytest.fixture(scope="session")
def pages(site):
    found = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert len(found) > 15
    return found


def elsewhere(address: str) -> bool:
    return bool(re.match(r"([a-z][a-z0-9+.-]*:)?//", address))


def test_what_counts_as_elsewhere():
    assert elsewhere("https://host/a.js")
    assert elsewhere("//host/a.js")
    assert not elsewhere("../a.js")
    assert not elsewhere("data:image/png;base64,AA==")


def test_pages_load_nothing_from_elsewhere(pages):
    for path, page in pages.items():
        assert page.loaded
        assert not [address for address in page.loaded if elsewhere(address)], path


def test_styles_load_nothing_from_elsewhere(site):
    styles = list(site.rglob("*.css"))
    assert styles
    for path in styles:
        loaded = re.findall(r"(?:url\(|@import\s)\s*[\"']?([^\"')\s;]+)", path.read_text(encoding="utf-8"))
        assert not [address for address in loaded if elsewhere(address)], path


def test_what_a_page_loads_is_there(pages):
    for path, page in pages.items():
        for address in page.loaded:
            if path.name != "404.html" and not address.startswith("data:"):
                assert (path.parent / re.sub("[?#].*", "", address)).is_file(), f"{path}: {address}"


def test_links_between_pages_lead_to_what_is_there(pages):
    for path, page in pages.items():
        for address in page.links:
            target, _, anchor = address.partition("#")
            if path.name == "404.html" or ":" in address:
                continue
            file = (path.parent / target).resolve() if target else path
            assert file.is_file(), f"{path}: {address}"
            if anchor and file in pages:
                assert anchor in pages[file].anchors, f"{path}: {address}"


def test_the_reference_has_every_command_and_its_options(site):
    text = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f'id="filterfront-{command}"' in text
    assert "--finetune-top INTEGER" in text


def test_a_page_is_found_by_what_is_written_in_it(site):
    assert "pending duplicate" in (site / "search" / "search_index.js").read_text(encoding="utf-8")
