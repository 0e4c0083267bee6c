"""SQL of the statements that `searches.trial_statements` runs, for the two databases that it knows."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from optuna.trial import TrialState

__all__ = ["statements_of"]

_AGAIN = "on conflict (trial_id, key) do update set value_json = excluded.value_json"
_TABLES: dict[str, tuple[str, dict[str, str], str]] = {
    "values": ("trial_values", {"objective": "int", "value": "float8", "value_type": "trialvaluetype"}, ""),
    "parameters": ("trial_params", {"param_name": "text", "param_value": "float8", "distribution_json": "text"}, ""),
    "user": ("trial_user_attributes", {"key": "text", "value_json": "text"}, _AGAIN),
    "system": ("trial_system_attributes", {"key": "text", "value_json": "text"}, _AGAIN),
}
"""By kind of row its table, the columns with PostgreSQL's types, and what becomes of a row that is there."""


_SIGN = (
    "insert into trial_heartbeats (trial_id, heartbeat) values (:trial, current_timestamp) "
    "on conflict (trial_id) do update set heartbeat = excluded.heartbeat"
)


@cache
def statements_of(dialect: str) -> dict[str, Any]:
    """The statements by what they are for."""
    import sqlalchemy as sql
    from optuna.storages._rdb import models

    trials, studies, bind = models.TrialModel.__table__, models.StudyModel.__table__, sql.bindparam
    is_server, open_states = dialect != "sqlite", (TrialState.RUNNING, TrialState.WAITING)
    unhurried = [sql.func.set_config("synchronous_commit", "off", True)] if is_server else []
    study = sql.select(studies.c.study_id, *unhurried).where(studies.c.study_id == bind("study"))
    number = sql.select(sql.func.count()).select_from(trials).where(trials.c.study_id == bind("study"))
    start = {"number": number.scalar_subquery(), "state": TrialState.RUNNING, "datetime_start": bind("start")}
    greater, some = trials.c.trial_id > bind("beyond"), trials.c.trial_id.in_(bind("some", expanding=True))

    def change(states: Sequence[TrialState], **times: Any) -> Any:
        where = trials.c.trial_id == bind("trial"), trials.c.state.in_(states)
        return sql.update(trials).where(*where).values(state=bind("new"), **times)

    return {
        "study": study.with_for_update() if is_server else study,
        "trial": sql.insert(trials)
        .values(study_id=bind("study"), **start)
        .returning(trials.c.trial_id, trials.c.number),
        "sign": sql.text(_SIGN),
        "state": sql.select(trials.c.state, *unhurried).where(trials.c.trial_id == bind("trial")),
        "begin": change((TrialState.WAITING,), datetime_start=bind("time")),
        "leave": change(open_states),
        "finish": change(open_states, datetime_complete=bind("time")),
        "heads": sql.select(trials.c.trial_id, trials.c.state)
        .where(trials.c.study_id == bind("study"), sql.or_(greater, some))
        .order_by(trials.c.trial_id),
        **{name: sql.text(text) for name, text in (_in_arrays() if is_server else _row_by_row()).items()},
    }


def _row_by_row() -> dict[str, str]:
    """What inserts a row of each kind. All that stands in the texts are names from above."""
    texts = {}
    for kind, (table, types, again) in _TABLES.items():
        given = ", ".join(f":{name}" for name in types)
        texts[kind] = f"insert into {table} (trial_id, {', '.join(types)}) values (:trial_id, {given}) {again}"  # noqa: S608
    return texts


def _in_arrays() -> dict[str, str]:
    """What inserts all rows of a trial, and what finishes a trial with all its rows."""
    parts = []
    for kind, (table, types, again) in _TABLES.items():
        names = ", ".join(types)
        arrays = ", ".join(f"cast(:{kind}_{name} as {own}[])" for name, own in types.items())
        source = f"select done.trial_id, {names} from done, unnest({arrays}) as given({names})"  # noqa: S608
        parts.append(f"own_{kind} as (insert into {table} (trial_id, {names}) {source} {again})")
    changed = (
        "update trials set state = cast(:state as trialstate), datetime_complete = :time "
        "where trial_id = :trial_id and state in ('RUNNING', 'WAITING') returning trial_id"
    )
    firsts = {"rows": "select cast(:trial_id as int) as trial_id", "whole": changed}
    written = ", ".join(parts)
    return {
        name: f"with done as ({first}), {written} select count(*) from done"  # noqa: S608  # names of our own
        for name, first in firsts.items()
    }
