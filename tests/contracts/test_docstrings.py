"""Docstrings of functions and classes describe each argument, one a line, and none that does not exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import griffe

ROOT = Path(__file__).parents[2]
PACKAGES = ("costmodels", "searches", "reports", "explorer", "filterfront")
ARGUMENTS, ATTRIBUTES = griffe.DocstringSectionKind.parameters, griffe.DocstringSectionKind.attributes


def described(module: griffe.Module) -> Iterator[griffe.Function | griffe.Class]:
    """Functions, methods and classes with a docstring, as they are written in the source; nothing is imported."""
    for member in module.members.values():
        if member.is_alias:
            continue
        if (member.is_function or member.is_class) and member.docstring:
            yield member
        if member.is_module or member.is_class:
            yield from described(member)


def arguments(owner: griffe.Function | griffe.Class) -> list[str]:
    """Public ones; a class of pydantic and a named tuple take their annotated attributes."""
    found = [parameter.name.lstrip("*") for parameter in owner.parameters]
    if owner.is_class and not found:
        found = [name for name, member in owner.attributes.items() if is_field(member)]
    return [name for name in found if name not in ("self", "cls") and not name.startswith("_")]


def is_field(attribute: griffe.Attribute) -> bool:
    return attribute.annotation is not None and attribute.has_labels("instance-attribute")


def faults(owner: griffe.Function | griffe.Class) -> list[str]:
    """What is wrong with the ``Args:`` and ``Attributes:`` of a docstring."""
    found = []
    for section in owner.docstring.parse("google"):
        if section.kind not in (ARGUMENTS, ATTRIBUTES):
            continue
        names = [item.name.lstrip("*") for item in section.value]
        there = arguments(owner) if section.kind is ARGUMENTS else list(owner.all_members)
        found += [f"{owner.path}: no {name}" for name in names if name not in there]
        if section.kind is ARGUMENTS:
            found += [f"{owner.path}: nothing about {name}" for name in there if name not in names]
        inner = [word for item in section.value for word in re.findall(r"[.;] (\w+): ", item.description)]
        found += [f"{owner.path}: {word} in the line of another" for word in inner if word in there]
    return found


def load(package: str, folder: Path) -> griffe.Module:
    """The sources of a package; annotations are read, values are not evaluated."""
    return griffe.load(package, search_paths=[folder], docstring_parser="google", allow_inspection=False)


def test_every_argument_is_described_and_every_described_one_exists():
    owners = [owner for package in PACKAGES for owner in described(load(package, ROOT))]
    assert {owner.path.partition(".")[0] for owner in owners} >= set(
        PACKAGES[:-1]
    )  # filterfront names those of explorer
    assert [fault for owner in owners for fault in faults(owner)] == []


TWIN = '''
"""A module whose docstrings are at fault."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple


def right(one, *rest, other=0, **more):
    """Right.

    Args:
        one: first.
        rest: next ones, which is no argument: a colon in the text.
        other: last.
        more: by name.
    """


def lacking(one, other):
    """Lacks one.

    Args:
        one: first.
    """


def joined(one, other):
    """Two in a line.

    Args:
        one, other: both.
    """


def behind(one, other):
    """The second one behind the first.

    Args:
        one: first. other: second.
    """


def wrong(one):
    """One that does not exist.

    Args:
        one: first.
        two: no such.
    """


@dataclass
class Facts:
    """Lacks a field.

    Args:
        one: first.
    """

    one: int
    other: int = 0
    _own: int = 0


class Pair(NamedTuple):
    """Lacks a field.

    Args:
        one: first.
    """

    one: int
    other: int
    shared: ClassVar[int] = 2

    @property
    def sum(self) -> int:
        return self.one + self.other


class Thing:
    """Attributes behind one another, and one that does not exist.

    Attributes:
        one: first; other: second.
        two: no such.
    """

    def __init__(self):
        self.one = 1
        self.other = 2
'''


def test_the_check_finds_what_it_looks_for(tmp_path):
    (tmp_path / "twin.py").write_text(TWIN)
    found = {owner.name: faults(owner) for owner in described(load("twin", tmp_path))}
    assert found == {
        "right": [],
        "lacking": ["twin.lacking: nothing about other"],
        "joined": ["twin.joined: no one, other", "twin.joined: nothing about one", "twin.joined: nothing about other"],
        "behind": ["twin.behind: nothing about other", "twin.behind: other in the line of another"],
        "wrong": ["twin.wrong: no two"],
        "Facts": ["twin.Facts: nothing about other"],
        "Pair": ["twin.Pair: nothing about other"],
        "Thing": ["twin.Thing: no two", "twin.Thing: other in the line of another"],
    }
