"""JSON Schemas of the files of a run folder; ``python -m explorer.runs.schemas docs/schemas`` writes them."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from explorer.config.search import SearchConfig
from reports.atomic_write import write_files
from reports.json_files import json_bytes
from reports.records import DesignRecord, RunInfo, TunedRecord
from reports.records.record import FileRecord

__all__ = ["schema_files", "schemas"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_RECORDS: Mapping[str, type[FileRecord]] = {
    "run.schema.json": RunInfo,
    "design.schema.json": DesignRecord,
    "tuned.schema.json": TunedRecord,
}

_ALIASES = {"schema_version": "schema", "float_network": "float"}
"""Names in the files of what Python calls otherwise."""


def schemas() -> Mapping[str, dict[str, Any]]:
    """File name -> JSON Schema of run.json, designs/ID.json and tuned/ID.json.

    They are those of `reports.records`; in run.json's the configuration is what `SearchConfig` writes.
    """
    found = {name: {"$schema": _DIALECT, **record.model_json_schema()} for name, record in _RECORDS.items()}
    run, config = found["run.schema.json"], SearchConfig.model_json_schema(mode="serialization")
    run["$defs"] |= {**config.pop("$defs", {}), "SearchConfig": config}
    run["properties"]["configuration"] = {"$ref": "#/$defs/SearchConfig"}
    for schema in found.values():
        for part in (schema, *schema.get("$defs", {}).values()):
            _describe_fields(part)
    return found


def _describe_fields(part: dict[str, Any]) -> None:
    """Gives each field the description that its class's docstring has of it, and leaves the class its own."""
    text, _, rest = part.get("description", "").partition("\n\nArgs:\n")
    part["description"] = re.split(r"\n\n(?:Raises:|Class attributes:|>>>)", text)[0]
    arguments = re.split(r"\n\n|\nRaises:", rest)[0]
    for name, about in re.findall(r"^    (\w+): (.*(?:\n     .*)*)", arguments, re.MULTILINE):
        field = part["properties"].get(_ALIASES.get(name, name))
        if field is not None:
            field["description"] = " ".join(about.split())


def schema_files() -> dict[str, bytes]:
    """File name -> content."""
    return {name: json_bytes(schema, name) for name, schema in schemas().items()}


if __name__ == "__main__":
    write_files(Path(sys.argv[1]), schema_files())
