"""What the terminal shows of a run: it ends with the answer, and keeps to the terminal's width."""

import dataclasses

import pandas as pd
import pytest

from reports.recommendation import recommended
from reports.run_record import RunRecord
from reports.summary import ALL, QUIET, Detail, sections, summary

CONVENTION = "- bit-ops: bit_ops = sum over MAC of weight bits x activation bits; merges count at 32 bits."


def test_it_ends_with_the_answer_and_the_next_command(run: RunRecord) -> None:
    found = recommended(run)
    assert found is not None
    last = summary(run, "runs/x", Detail(limit=3)).splitlines()[-3:]
    assert last[0].startswith(f"Recommended: {found.design}. synthetic-cnn fits stm32l432 in ")
    assert last[1] == f"Why: {found.rule}"
    assert last[2] == f"Next: filterfront export runs/x --design {found.design}"


def test_conventions_are_said_where_they_are_asked_for(run: RunRecord) -> None:
    assert CONVENTION in summary(run, "x", Detail(explain=True)).splitlines()
    assert "Conventions" not in summary(run, "x")
    assert "\nWarning: Kept dense: block0.conv1.\n" in summary(run, "x")


def test_quiet_is_the_answer_alone(run: RunRecord) -> None:
    lines = summary(run, "x", Detail(level=QUIET)).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["Recommended", "Why", "Next"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_keeps_to_the_width_but_for_the_command(run: RunRecord, width: int) -> None:
    lines = summary(run, "runs/x", Detail(ALL, explain=True, width=width)).splitlines()
    assert max(len(line) for line in lines if not line.startswith("Next: ")) <= width
    shown = {part.title: part.text for part in sections(run, Detail(width=width))}
    heads = shown["Front"].splitlines()[0].split()
    assert heads[:2] == ["Design", "Accuracy"]


def test_a_summary_without_baselines_or_front_still_prints(run: RunRecord) -> None:
    bare = dataclasses.replace(run, front=run.front[:0], baselines=pd.DataFrame(columns=run.baselines.columns))
    text = summary(bare, "x")
    assert "No measured design keeps every budget." in text
    assert "Recommended" not in text
