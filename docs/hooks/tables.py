"""Fills tables of the documentation from the registries and schemas that the code reads."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from searches.objectives import OBJECTIVES

SCHEMAS = Path(__file__).parents[1] / "schemas"


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
    for path in sorted(SCHEMAS.glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        name = path.name.removesuffix(".json").removesuffix(".schema")
        yield f"\n## {schema.get('title', name)}\n\n[The schema as a file](../schemas/{path.name})\n"
        yield from _fields(schema)
        for title, part in schema.get("$defs", {}).items():
            yield f"\n### {title} {{ #{_anchor(title)} }}\n"
            yield from _fields(part)


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    if schema.get("description"):
        yield f"{schema['description']}\n"
    if "properties" not in schema:
        yield f"Is {_kind(schema)}."
        return
    yield "| field | is | means |\n|---|---|---|"
    required = set(schema.get("required", ()))
    for name, field in schema["properties"].items():
        optional = "" if name in required else ", may be left out"
        meaning = " ".join(field.get("description", "").split()).replace("|", "\\|")
        yield f"| `{name}` | {_kind(field)}{optional} | {meaning} |"


def _kind(schema: dict[str, Any]) -> str:
    """The type in words, with links to the parts of the schema."""
    if "$ref" in schema:
        title = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{title}](#{_anchor(title)})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_kind(one) for one in schema[key])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}" if "items" in schema else "list"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object, each value {_kind(schema['additionalProperties'])}"
    kind = schema.get("type", "anything")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _anchor(title: str) -> str:
    return f"schema-{title.lower()}"


TABLES: dict[str, Callable[[], Iterator[str]]] = {"<!-- objectives -->": objectives, "<!-- schemas -->": schemas}
