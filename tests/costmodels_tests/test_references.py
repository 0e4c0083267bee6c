"""The keys that the code cites and the keys that are listed are the same."""

import re
from pathlib import Path

import pytest

import costmodels
from costmodels.references import BACKGROUND, REFERENCES
from costmodels.schemes import SCHEMES

ROOT = Path(costmodels.__file__).parents[1]
CITATION = re.compile(r"""\breference(?:: \w+(?:\[str\])?)? ?= ?["'](\w+)["']""")


def cited_in_code():
    """Keys in ``reference="..."`` and ``reference: ClassVar[str] = "..."`` of all packages."""
    packages = [ROOT / name for name in ("costmodels", "searches", "reports", "explorer")]
    texts = [path.read_text(encoding="utf-8") for package in packages for path in package.rglob("*.py")]
    return {key for text in texts for key in CITATION.findall(text)}


def test_the_scan_finds_the_schemes_keys():
    assert {scheme.reference for scheme in SCHEMES.values()} <= cited_in_code()


def test_every_cited_key_is_listed():
    assert cited_in_code() - REFERENCES.keys() == set()


def test_every_listed_key_is_cited_or_background():
    assert REFERENCES.keys() - cited_in_code() - BACKGROUND == set()
    assert REFERENCES.keys() >= BACKGROUND


@pytest.mark.parametrize("reference", REFERENCES.values(), ids=lambda reference: reference.key)
def test_a_reference_is_complete(reference):
    assert re.fullmatch(r"[a-z]+(19|20)\d\d[a-z0-9]+", reference.key)
    surname = reference.authors.split(",")[0].split()[-1].lower()
    assert reference.key.startswith(surname)
    assert all((reference.title, reference.venue))
    assert 2000 < reference.year < 2027
    assert reference.url.startswith("https://")
    assert str(reference).endswith(reference.url)


def test_keys_do_not_repeat():
    keys = re.findall(r'Reference\(\n\s+"(\w+)"', (ROOT / "costmodels/references.py").read_text(encoding="utf-8"))
    assert sorted(keys) == sorted(REFERENCES)
