"""Fills tables of the documentation from the registries and schemas that the code reads."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from searches.objectives import OBJECTIVES

SCHEMAS = Path(__file__).parents[1] / "schemas"
FILES = {"run": "run.json", "design": "designs/ID.json", "tuned": "tuned/ID.json"}
"""The file of a run folder that each schema is of."""


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called by MkDocs with the text of each page."""
    for place, made in TABLES.items():
        if place in markdown:
            markdown = markdown.replace(place, "\n".join(made()))
    return markdown


def objectives() -> Iterator[str]:
    """A row for each objective of a search."""
    yield "| name | unit | is to be | needs data |\n|---|---|---|---|"
    for name, objective in OBJECTIVES.items():
        direction = "small" if objective.direction == "minimize" else "large"
        yield f"| `{name}` | {objective.unit} | {direction} | {'yes' if objective.needs_data else ''} |"


def schemas() -> Iterator[str]:
    """A section for each JSON schema, with a table of its fields."""
    for name, file in FILES.items():
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
        yield f"\n## {file}\n\n[The schema as a file](../schemas/{name}.schema.json)\n"
        yield from _fields(name, schema)
        for title, part in schema.get("$defs", {}).items():
            yield f"\n#### {title} {{ #{_anchor(name, title)} }}\n"
            yield from _fields(name, part)


def _fields(name: str, schema: dict[str, Any]) -> Iterator[str]:
    if schema.get("description"):
        yield f"{schema['description']}\n"
    if "properties" not in schema:
        yield f"Is {_kind(name, schema)}."
        return
    yield "| field | is | means |\n|---|---|---|"
    required = set(schema.get("required", ()))
    for key, field in schema["properties"].items():
        optional = "" if key in required else ", may be left out"
        meaning = " ".join(field.get("description", "").split()).replace("|", "\\|").replace("``", "`")
        yield f"| `{key}` | {_kind(name, field)}{optional} | {meaning} |"


def _kind(name: str, schema: dict[str, Any]) -> str:
    """The type in words, with links to the parts of the schema."""
    if "$ref" in schema:
        title = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{title}](#{_anchor(name, title)})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_kind(name, one) for one in schema[key])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        fixed = ", ".join(_kind(name, one) for one in schema.get("prefixItems", ()))
        return (
            f"list of {_kind(name, schema['items'])}" if schema.get("items") else f"list [{fixed}]" if fixed else "list"
        )
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object, each value {_kind(name, schema['additionalProperties'])}"
    kind = schema.get("type", "anything")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _anchor(name: str, title: str) -> str:
    return f"{name}-{title.lower()}"


TABLES: dict[str, Callable[[], Iterator[str]]] = {"<!-- objectives -->": objectives, "<!-- schemas -->": schemas}
