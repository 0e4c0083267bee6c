"""Options in groups, and wrong usage for programs."""

import inspect
import json

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from explorer.cli import cli, main
from explorer.cli.search import search
from explorer.search.fitted_space import MOST_WEIGHTS


def test_every_option_of_search_is_in_one_group_and_shown_once() -> None:
    text = CliRunner().invoke(cli, ["search", "--help"]).output
    assert "Other options" not in text
    names = [name for names in search.groups.values() for name in names]  # type: ignore[attr-defined]
    assert len(names) == len(set(names))
    for option in search.params:
        assert isinstance(option, click.Option)
        line = [row for row in text.splitlines() if row.strip().startswith(option.opts[0])]
        assert len(line) >= 1, option.name
    for title in search.groups:  # type: ignore[attr-defined]
        assert f"\n{title}:\n" in text


def test_help_says_from_what_size_on_a_space_is_not_fitted_unasked() -> None:
    """VGG-16 is fitted: 138,344,128 weights, each under 115 candidates at most."""
    text = " ".join(CliRunner().invoke(cli, ["search", "--help"]).output.split())
    said = f"up to {MOST_WEIGHTS / 1e6:,.0f} million weights to fit"
    assert text.count(said) == 2
    assert MOST_WEIGHTS > 138_344_128 * 115


def test_the_shell_completes_commands_and_options() -> None:
    complete = ShellComplete(cli, {}, "filterfront", "_FILTERFRONT_COMPLETE").get_completions
    assert [found.value for found in complete([], "sea")] == ["search"]
    assert {found.value for found in complete(["search"], "--max")} == {"--max-bit-ops", "--max-latency"}


@pytest.mark.parametrize(
    ("words", "kind", "part"),
    [
        (["search", "--trials", "many", "--json"], "BadParameter", "'many' is not a valid integer"),
        (["search", "-q", "-v", "--json"], "UsageError", "-q and -v do not go together; give one of them"),
        (["show", "/nowhere", "--json"], "ReportError", "a run folder holds run.json"),
    ],
)
def test_errors_are_json_where_programs_read_it(
    words: list[str], kind: str, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    printed = capsys.readouterr()
    error = json.loads(printed.out)["error"]
    assert error["kind"] == kind
    assert part in error["message"]
    assert error["exit_code"] == ended.value.code == 2
    assert part in printed.err  # for people, as without --json


def test_the_command_and_python_have_the_defaults_of_the_configuration() -> None:
    from explorer.api.searching import search as in_python
    from explorer.config.search import SearchConfig

    fields = {name: field.default for name, field in SearchConfig.model_fields.items()}
    typed = {name: item.default for name, item in inspect.signature(in_python).parameters.items() if name in fields}
    offered = {
        option.name: option.get_default(click.Context(search))
        for option in search.params
        if isinstance(option, click.Option) and option.name in fields and not option.multiple
    }
    assert len(typed) > 30
    assert len(offered) > 30
    assert typed == {name: fields[name] for name in typed}
    said = {name: str(value) for name, value in offered.items() if isinstance(value, (str, int, float))}
    assert len(said) > 10
    assert said == {name: str(fields[name]) for name in said}
    assert all(not fields[name] for name in offered.keys() - said.keys())


def test_defaults_that_others_have_too_are_those_of_the_options() -> None:
    from costmodels.devices import DEFAULT_FLASH_RESERVE_BYTES, DEFAULT_RAM_RESERVE_BYTES
    from explorer.api.run import Run
    from explorer.config.command_options import FINETUNE_OPTIONS, TRAIN_OPTIONS, WORKER_OPTIONS
    from explorer.config.search_options import SEARCH_OPTIONS
    from explorer.training.tuning_recipe import TuningRecipe
    from searches.database import HEARTBEAT_SECONDS

    epochs = SEARCH_OPTIONS["finetune_epochs"].default
    in_python = inspect.signature(Run.finetune).parameters["epochs"].default
    assert FINETUNE_OPTIONS["epochs"].default == epochs == in_python == TuningRecipe().epochs
    assert SEARCH_OPTIONS["heartbeat"].default == HEARTBEAT_SECONDS
    assert WORKER_OPTIONS["workers"] is SEARCH_OPTIONS["workers"]
    assert TRAIN_OPTIONS["network"] is SEARCH_OPTIONS["network"]
    assert f"else {DEFAULT_FLASH_RESERVE_BYTES // 1024}KiB" in SEARCH_OPTIONS["reserve_flash"].help
    assert f"else {DEFAULT_RAM_RESERVE_BYTES // 1024}KiB" in SEARCH_OPTIONS["reserve_ram"].help


def test_every_option_is_a_field_of_the_configuration_and_every_field_an_option() -> None:
    from explorer.config.search import SearchConfig
    from explorer.config.search_options import SEARCH_OPTIONS

    not_typed = {"activation_widths", "objects"}  # what is made of others
    assert SearchConfig.model_fields.keys() - not_typed == SEARCH_OPTIONS.keys()
    for name, option in SEARCH_OPTIONS.items():
        limits = {part for part in (option.least, option.most) if part is not None}
        facts = SearchConfig.model_fields[name].metadata
        assert {getattr(fact, side) for fact in facts for side in ("ge", "le") if hasattr(fact, side)} == limits
