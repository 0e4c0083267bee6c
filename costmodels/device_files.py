"""Reading a device's TOML file: its form is checked as a whole, and all faults are reported at once."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costmodels.errors import DeviceError
from costmodels.file_content import MOST_OPTION_BYTES, file_content
from costmodels.plain_data import toml_data

__all__ = ["UNLIMITED", "read_device_file", "source_fields"]

UNLIMITED = "unlimited"
"""What ``memory.flash`` holds where storage is no limit, as with an SD card."""


@dataclass(frozen=True)
class _Field:
    """What a key holds: ``text``, ``count``, ``date``, ``texts``, a ``table`` or a list of ``tables``."""

    kind: str
    required: bool = True
    inner: Mapping[str, "_Field"] = field(default_factory=dict)


_SIZES = {"nominal_bytes": _Field("count"), "usable_bytes": _Field("count")}
_CYCLES = {name: _Field("count") for name in ("mac", "addition", "multiplication", "float_mac")}
_POWER = {name: _Field("count") for name in ("microamps_per_mhz", "supply_millivolts")}
_REGION = {"name": _Field("text"), "bytes": _Field("count"), "note": _Field("text", required=False)}
_FORM: Mapping[str, _Field] = {
    "name": _Field("text"),
    "title": _Field("text"),
    "note": _Field("text", required=False),
    "core": _Field(
        "table",
        inner={
            "name": _Field("text"),
            "cores": _Field("count"),
            "clock_hz": _Field("count"),
            "cycles": _Field("table", required=False, inner=_CYCLES),
            "power": _Field("table", required=False, inner=_POWER),
        },
    ),
    "memory": _Field(
        "table",
        inner={
            "flash": _Field("flash", inner=_SIZES),
            "ram": _Field("table", inner={**_SIZES, "regions": _Field("tables", inner=_REGION)}),
        },
    ),
    "sources": _Field(
        "tables",
        required=False,
        inner={"fields": _Field("texts"), "text": _Field("text"), "url": _Field("text"), "date": _Field("date")},
    ),
}
_WANTED = {
    "text": "a text that is not empty",
    "count": "a whole number of at least 1",
    "date": "a date such as 2026-11-20",
    "texts": "a list of texts",
    "table": "a table",
    "tables": "a list of tables, not empty",
    "flash": f'a table, or "{UNLIMITED}"',
}


def read_device_file(path: Path) -> dict[str, Any]:
    """The plain data of a device's file, checked.

    Raises:
        DeviceError: the file cannot be read, is no TOML, or has faults; each fault stands on its own line.
    """
    try:
        plain = toml_data(file_content(path, MOST_OPTION_BYTES))
    except OSError as error:
        rule = "a device file can be read"
        raise DeviceError(rule, f"{path}: {error.strerror or error}", "check the path") from error
    except ValueError as error:
        raise DeviceError("a device file is TOML in UTF-8", f"{path}: {error}", "mend that place") from error
    faults = [*_form_faults(plain, _FORM, ""), *_sum_faults(plain), *_source_faults(plain)]
    if faults:
        lines = "".join(f"\n  {fault}" for fault in faults)
        raise DeviceError(f"{path} has {len(faults)} fault{'' if len(faults) == 1 else 's'}:{lines}")
    return plain


def source_fields(plain: Mapping[str, Any]) -> tuple[str, ...]:
    """The dotted names of all numbers of a device file, for which sources are given."""
    core, memory = _table(plain.get("core")), _table(plain.get("memory"))
    flash, ram = _table(memory.get("flash")), _table(memory.get("ram"))
    regions = [region["name"] for region in _tables(ram.get("regions")) if isinstance(region.get("name"), str)]
    return (
        "core.cores",
        "core.clock_hz",
        *(f"core.{part}.{name}" for part in ("cycles", "power") for name in _table(core.get(part))),
        *(f"memory.flash.{size}" for size in _SIZES if flash),
        *(f"memory.ram.{size}" for size in _SIZES),
        *(f"memory.ram.regions.{name}.bytes" for name in regions),
    )


def _form_faults(table: Mapping[str, Any], form: Mapping[str, _Field], where: str) -> Iterator[str]:
    """Keys that are unknown, missing or of the wrong kind."""
    for key in table:
        if key not in form:
            yield f"{where}{key}: unknown key; the keys are {', '.join(form)}"
    for key, wanted in form.items():
        if key not in table:
            if wanted.required:
                yield f"{where}{key}: missing; give {_WANTED[wanted.kind]}"
        elif not _is(wanted.kind, table[key]):
            yield f"{where}{key}: {table[key]!r} is not {_WANTED[wanted.kind]}"
        elif wanted.kind == "tables":
            for index, item in enumerate(table[key]):
                yield from _form_faults(item, wanted.inner, f"{where}{key}[{index}].")
        elif isinstance(table[key], dict):
            yield from _form_faults(table[key], wanted.inner, f"{where}{key}.")


def _is(kind: str, value: Any) -> bool:
    """Whether a value is of that kind."""
    if kind == "text":
        return isinstance(value, str) and bool(value.strip())
    if kind == "count":
        return _is_whole(value) and value >= 1
    if kind == "date":
        return isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
    if kind == "texts":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind == "tables":
        return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict) or (kind == "flash" and value == UNLIMITED)


def _sum_faults(plain: Mapping[str, Any]) -> Iterator[str]:
    """Sizes that do not hold together: regions within usable within nominal, and region names that repeat."""
    memory = _table(plain.get("memory"))
    for name in ("flash", "ram"):
        sizes = _table(memory.get(name))
        nominal, usable = sizes.get("nominal_bytes"), sizes.get("usable_bytes")
        if isinstance(nominal, int) and isinstance(usable, int) and usable > nominal:
            yield f"memory.{name}.usable_bytes: {usable} is more than nominal_bytes, {nominal}"
    ram = _table(memory.get("ram"))
    regions = _tables(ram.get("regions"))
    total = sum(region["bytes"] for region in regions if _is_whole(region.get("bytes")))
    if _is_whole(ram.get("usable_bytes")) and total > ram["usable_bytes"]:
        yield f"memory.ram.regions: {total} bytes in all are more than usable_bytes, {ram['usable_bytes']}"
    names = [region["name"] for region in regions if isinstance(region.get("name"), str)]
    for repeated in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"memory.ram.regions: the name {repeated!r} repeats"


def _source_faults(plain: Mapping[str, Any]) -> Iterator[str]:
    """Sources of numbers that the file does not have."""
    known = source_fields(plain)
    for index, source in enumerate(_tables(plain.get("sources"))):
        fields = source.get("fields")
        for name in fields if isinstance(fields, list) else ():
            if name not in known:
                yield f"sources[{index}].fields: {name!r} names no number of the file; they are {', '.join(known)}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _table(value: Any) -> Mapping[str, Any]:
    """The value where it is a table, else an empty one."""
    return value if isinstance(value, dict) else {}


def _tables(value: Any) -> Sequence[Mapping[str, Any]]:
    """The tables of a list; none where the value is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
