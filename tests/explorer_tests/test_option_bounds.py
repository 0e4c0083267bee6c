"""Numbers and sizes that no option takes: wrong usage, for every option of every command."""

import importlib

import click
import pytest

from explorer.cli import COMMANDS

SIZES = {"flash", "sram", "max_bit_ops", "max_latency", "reserve_flash", "reserve_ram"}
NO_NUMBERS = ("nan", "inf", "-inf", "1e400", "-1", "1e999999999", "9" * 5000)
NEEDED = {
    "cost": ("--network", "digits-cnn", "--scheme", "dense"),
    "export": (".", "--design", "x"),
    "finetune": (".", "--design", "x"),
    "show": (".",),
    "status": (".",),
    "within": (".",),
    "compare": (".", "."),
    "run": ("file",),
    "report": (".",),
    "worker": ("study", "--storage", "sqlite:///x.db"),
}


def numeric_options():
    for name in COMMANDS:
        command = getattr(importlib.import_module(f"explorer.cli.{name}"), name)
        for option in command.params:
            kinds = (click.types.IntParamType, click.types.FloatParamType)
            is_size = option.name in SIZES and name != "within"  # whose folder is read first
            if isinstance(option, click.Option) and (isinstance(option.type, kinds) or is_size):
                yield name, option.opts[0]


@pytest.mark.parametrize(("command", "option"), list(numeric_options()), ids=" ".join)
def test_no_option_takes_what_is_no_number_of_its_kind(run_filterfront, tmp_path, command, option):
    for value in NO_NUMBERS:
        done = run_filterfront(command, *NEEDED.get(command, ()), f"{option}={value}", cwd=tmp_path)
        assert done.returncode == 2, (value, done.stderr)
        assert option in done.stderr or option.strip("-").replace("-", "_") in done.stderr, (value, done.stderr)
        assert "unexpected" not in done.stderr, (value, done.stderr)


def test_every_command_with_a_number_is_tried():
    assert {name for name, _ in numeric_options()} >= {"search", "train", "worker", "cost", "validate", "finetune"}
