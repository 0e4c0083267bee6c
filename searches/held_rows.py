"""What is to be written of trials, held until their state is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.trial import FrozenTrial

from searches.trial_statements import Rows, rows_of

__all__ = ["Held", "HeldRows"]


@dataclass(frozen=True)
class Held:
    """What is to be written of a trial.

    Args:
        parameters: internal value and distribution by name.
        user: attributes of users, as JSON.
        system: attributes of Optuna, as JSON.
    """

    parameters: dict[str, tuple[float, BaseDistribution]] = field(default_factory=dict)
    user: dict[str, str] = field(default_factory=dict)
    system: dict[str, str] = field(default_factory=dict)


class HeldRows:
    """What is to be written, by the id of the trial."""

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}
        self._texts: dict[str, tuple[BaseDistribution, str]] = {}

    def of(self, trial_id: int) -> Held:
        """What is held of a trial, to add to."""
        return self._held.setdefault(trial_id, Held())

    def forget(self, trial_id: int) -> None:
        """It is written, or never will be."""
        self._held.pop(trial_id, None)

    def put_into(self, trial: FrozenTrial) -> None:
        """Lets a trial, as the database has it, have what is held too."""
        held = self._held.get(trial._trial_id)
        if held is None:
            return
        for name, (value, distribution) in held.parameters.items():
            trial.distributions[name] = distribution
            trial.params[name] = distribution.to_external_repr(value)
        user, system = ({key: json.loads(text) for key, text in own.items()} for own in (held.user, held.system))
        trial.user_attrs, trial.system_attrs = {**trial.user_attrs, **user}, {**trial.system_attrs, **system}

    def rows(self, trial_id: int, values: Sequence[float] | None = None) -> Rows:
        """What is held of a trial as rows of tables.

        Args:
            trial_id: of the trial.
            values: of the objectives.
        """
        held = self._held.get(trial_id, Held())
        parameters = {name: (value, self._text(name, own)) for name, (value, own) in held.parameters.items()}
        return rows_of(parameters, held.user, held.system, values)

    def _text(self, name: str, distribution: BaseDistribution) -> str:
        """As Optuna stores it; parameters of one name have one distribution in all trials."""
        if name not in self._texts or self._texts[name][0] != distribution:
            self._texts[name] = distribution, distribution_to_json(distribution)
        return self._texts[name][1]
