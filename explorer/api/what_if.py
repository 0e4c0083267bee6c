"""What-if: the measured designs of a run under other budgets."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costmodels import Device
from costmodels.program_need import ProgramNeed
from explorer.api.arguments import as_device
from explorer.api.fronts import FrontView
from searches.figures import FLASH, LATENCY, SRAM

if TYPE_CHECKING:
    import pandas as pd

    from reports.run_record import RunRecord
    from searches.constraints import Budget

__all__ = ["WhatIf", "what_if"]

COLUMNS = {"flash": FLASH, "sram": SRAM, "max_bit_ops": "bit_ops", "max_latency": LATENCY}
"""The column that each budget limits."""

ASSUMED = "the search was for another kind of core, and did not ask what the program takes"


class WhatIf(FrontView):
    """The front of the designs that a search has measured, under other budgets.

    Args:
        record: the run under these budgets.
        notes: what to know of the answer.
    """

    def __init__(self, record: "RunRecord", notes: list[str]) -> None:
        self._record, self.notes = record, tuple(notes)

    @property
    def record(self) -> "RunRecord":
        """The tables and facts of the run under these budgets."""
        return self._record

    @property
    def budgets(self) -> dict[str, float]:
        """The limit of each budget by the column that it limits."""
        return {budget.column: budget.limit for budget in self.record.info.budgets}

    @property
    def trials(self) -> "pd.DataFrame":
        """The trials of the run, with whether each fits these budgets."""
        return self.record.trials.copy()

    def __repr__(self) -> str:
        from reports.text import format_limit

        facts = self.record.info
        limits = ", ".join(f"{budget.name} {format_limit(budget)}" for budget in facts.budgets) or "no budget"
        measured = f"from {facts.counts.measured} measured designs, nothing measured again"
        return f"<What-if within {limits}: {self.headline()}, {measured}>"

    def _notes(self) -> list[str]:
        return list(self.notes)


def what_if(record: "RunRecord", asked: Mapping[str, Any]) -> WhatIf:
    """The measured designs of a run under other budgets.

    Args:
        record: the run.
        asked: the budgets by name; those that are not named stay, None lifts one.

    Raises:
        ConfigError, DeviceError: a budget or the device cannot be read.
        ReportError: the designs of the run have no such figure.
    """
    from reports.what_if import room_for_search, run_within

    given = {name: value for name, value in asked.items() if value is not None}
    device, made = _budgets(given, record.info.needs)
    new = {budget.column: budget for budget in made}
    lifted = {COLUMNS[name] for name, value in asked.items() if name in COLUMNS and value is None}
    of_device = {FLASH, SRAM} if "device" in asked else set()
    kept = {
        budget.column: budget for budget in record.info.budgets if budget.column not in new.keys() | lifted | of_device
    }
    budgets = [*({**kept, **new}).values()]
    _check_columns(record, budgets)
    own = record.info.device
    chosen = own if "device" not in asked else device
    found = run_within(record, budgets, chosen)
    return WhatIf(found, [*_said(record, {**kept, **new}, device), room_for_search(record, found)])


def _budgets(asked: Mapping[str, Any], needs: tuple[ProgramNeed, ...]) -> tuple[Device | None, tuple[Any, ...]]:
    """The device and the budgets that are asked for, as a search reads them."""
    from explorer.config.budgets import chosen_device, make_budgets
    from explorer.config.given import Given
    from explorer.config.search import make_config

    if not asked:
        return None, ()
    device = as_device(asked.get("device"))
    name = device.name if isinstance(device, Device) else device
    # The network's name has no part in its budgets; the demo's own device must not step in.
    config = make_config(**{**asked, "device": name, "network": "what-if"})
    config = config.with_given(Given(device=device if isinstance(device, Device) else None))
    chosen = chosen_device(config)
    return chosen, make_budgets(config, chosen, needs, "" if needs else ASSUMED)


def _check_columns(record: "RunRecord", budgets: "list[Budget]") -> None:
    """Refuses a budget on a figure that the designs do not have, as latency where none was searched for.

    Raises:
        ReportError: naming the figure.
    """
    from reports.errors import ReportError
    from reports.named_figure import known_figures
    from reports.text import in_words

    missing = [in_words(budget.column) for budget in budgets if budget.column not in known_figures(record)]
    if missing:
        rule, remedy = "a budget is on a figure that the designs have", "search with it as an objective or a budget"
        raise ReportError(rule, ", ".join(missing), remedy)


def _said(record: "RunRecord", budgets: "Mapping[str, Budget]", device: Device | None) -> list[str]:
    """What to know of figures that depend on the budgets of the search itself."""
    from reports.text import format_limit

    own = {budget.column: budget for budget in record.info.budgets}
    notes = []
    before, now = (limits.get(SRAM) for limits in (own, budgets))
    if (before and before.limit) != (now and now.limit):
        within = f"SRAM of {format_limit(before)}" if before else "no limit on SRAM"
        notes.append(f"Each layer's execution was chosen for {within}; another limit may choose others.")
    if device is not None and record.info.latency is not None:
        notes.append(f"Latency is that of the search: {record.info.latency.origin}.")
    return notes
