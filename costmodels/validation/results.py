"""What a check found: one line for each scheme and component."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from costmodels.errors import KernelError

__all__ = ["Check", "Tally"]


@dataclass(frozen=True)
class Check:
    """One figure of one scheme, checked on many cases. Everything here is exact: it agrees or it is off.

    Args:
        name: what is checked.
        scheme: its name in text, or the source of a published figure.
        component: the storage component, or the execution and the count.
        cases: how many were compared.
        worst: the deviation of largest size, the formula's figure less the one that it was checked against.
        where: the first case with that deviation, "" where all agree.
    """

    name: str
    scheme: str
    component: str
    cases: int
    worst: float
    where: str = ""

    @property
    def agrees(self) -> bool:
        """No case deviates."""
        return self.worst == 0

    @property
    def verdict(self) -> str:
        """In a word."""
        return "agrees" if self.agrees else "DIFFERS"

    def to_json(self) -> dict[str, Any]:
        """Plain data, a row of the tables."""
        names = ("name", "scheme", "component", "cases", "worst", "verdict", "where")
        return {name: getattr(self, name) for name in names}


@dataclass
class Tally:
    """Comparisons of one check, gathered by scheme and component."""

    name: str
    _found: dict[tuple[str, str], Check] = field(default_factory=dict)

    def compare(self, scheme: str, component: str, formula: float, found: float, case: object) -> None:
        """One case: the formula's figure and the one it is checked against."""
        key, deviation = (scheme, component), formula - found
        before = self._found.get(key, Check(self.name, scheme, component, 0, 0))
        worse = abs(deviation) > abs(before.worst)
        worst, where = (deviation, str(case)) if worse else (before.worst, before.where)
        self._found[key] = Check(self.name, scheme, component, before.cases + 1, worst, where)

    def checks(self, forms: Iterable[str] = ()) -> tuple[Check, ...]:
        """By scheme, then component, in the order in which they first came.

        Args:
            forms: schemes of which each has to have been compared.

        Raises:
            KernelError: one has not; nothing can be said of it.
        """
        schemes = list(dict.fromkeys(scheme for scheme, _ in self._found))
        missing = ", ".join(form for form in forms if form not in schemes)
        if missing:
            raise KernelError(f"every form is checked: {self.name}", f"no case of {missing}", "draw layers of it")
        return tuple(sorted(self._found.values(), key=lambda check: schemes.index(check.scheme)))
