"""The JSON Schemas in the documentation are those of the records, and what searches write is valid under them."""

import json
from pathlib import Path

import jsonschema
import pytest

from costmodels.devices import load_device
from explorer.config.search import SearchConfig, make_config
from explorer.runs.schemas import schema_files, schemas
from reports.errors import ReportError
from reports.records import DesignRecord, RunInfo, TunedRecord
from searches.figures import COST_FIGURES

DOCS = Path(__file__).parents[2] / "docs" / "schemas"


def test_the_files_in_the_documentation_are_those_of_the_records():
    """``python -m explorer.runs.schemas docs/schemas`` writes them."""
    assert {path.name: path.read_bytes() for path in DOCS.iterdir()} == schema_files()


@pytest.mark.parametrize("name", schemas())
def test_a_schema_is_one_and_describes_its_fields(name):
    schema = schemas()[name]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["description"]
    assert all(field.get("description") for field in schema["properties"].values() if "$ref" not in field)


def test_the_configuration_is_what_the_search_writes():
    schema = schemas()["run.schema.json"]
    validator = jsonschema.Draft202012Validator({**schema["$defs"]["SearchConfig"], "$defs": schema["$defs"]})
    for options in (
        {},
        {"flash": "64KiB", "max_latency": "2ms", "keep": "first", "out": "a"},
        {"activation_bits": "8,4"},
    ):
        validator.validate(json.loads(json.dumps(make_config(**options).to_json())))
    assert schema["$defs"]["SearchConfig"]["properties"].keys() == SearchConfig.model_fields.keys()


def test_a_tuned_design_has_every_cost():
    figures = schemas()["tuned.schema.json"]["$defs"]["TunedFigures"]["properties"]
    assert set(COST_FIGURES) <= figures.keys()


@pytest.fixture
def info():
    """run.json of a search that was stopped before its first trial."""
    return {
        "schema": 1,
        "filterfront": "0.1.0",
        "created": "2026-11-20T09:36:00+00:00",
        "command": "filterfront search",
        "configuration": make_config().to_json(),
        "versions": {"python": "3.11.9"},
        "seed": 0,
        "conventions": [],
        "references": [],
        "network": {
            "name": "none",
            "digest": "00",
            "layers": 0,
            "weights": 0,
            "dense_macs": 0,
            "weights_origin": "random",
        },
        "data": None,
        "device": load_device("stm32l432").to_json(),
        "activation_bits": 8,
        "objectives": [{"name": "storage", "column": "storage_bytes", "direction": "minimize"}],
        "budgets": [{"name": "flash", "column": "flash_bytes", "limit": 4096, "unit": "bytes"}],
        "counts": {"trials": 0, "measured": 0, "repeated": 0, "failed": 0, "feasible": 0},
        "seconds": {},
        "float": {},
        "status": "interrupted",
    }


def test_what_is_written_is_valid_and_keeps_the_kinds_of_its_numbers(info):
    record = RunInfo.parse(info, "run.json")
    written = json.loads(record.content("run.json"))
    jsonschema.Draft202012Validator(schemas()["run.schema.json"]).validate(written)
    assert RunInfo.parse(written, "run.json") == record
    assert isinstance(written["budgets"][0]["limit"], int)
    assert {key: written[key] for key in ("configuration", "device", "counts")} == {
        key: json.loads(json.dumps(info[key])) for key in ("configuration", "device", "counts")
    }


@pytest.mark.parametrize(
    ("record", "name"), [(RunInfo, "run.json"), (DesignRecord, "designs/a.json"), (TunedRecord, "tuned/a.json")]
)
def test_a_newer_schema_is_refused_before_its_keys_are_read(record, name):
    with pytest.raises(ReportError) as caught:
        record.parse({"schema": 2, "new": True}, name)
    assert str(caught.value) == (
        f"{name} has schema 2; this filterfront reads schema 1 of such files; read it with a newer filterfront"
    )


def test_unknown_keys_end_in_one_line(info):
    info["colour"] = "blue"
    info["network"]["taste"] = "sweet"
    info["device"]["weight"] = 12
    with pytest.raises(ReportError) as caught:
        RunInfo.parse(info, "run.json")
    places = "network.taste (unknown key), device.weight (unknown key), colour (unknown key)"
    remedy = "read it with the filterfront that wrote it, or a newer one"
    assert str(caught.value) == f"{places}; run.json has the keys of schema 1; {remedy}"


def test_missing_keys_end_in_one_line(info):
    del info["seed"], info["network"]["digest"]
    with pytest.raises(ReportError) as caught:
        RunInfo.parse(info, "run.json")
    places = "seed (field required), network.digest (field required)"
    assert str(caught.value) == f"{places}; run.json has the keys of schema 1; run the search again"


def test_files_without_a_number_are_of_the_first_schema(info):
    del info["schema"]
    assert RunInfo.parse(info, "run.json").schema_version == 1
