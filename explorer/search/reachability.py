"""Refusing budgets that no design of the space can meet: before anything is measured, before fits where possible."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from costmodels import LayerUsage, NetworkSpec, Scheme
from costmodels.latency import LatencySource
from explorer.search.remedies import Remedies
from explorer.system.progress import Stage
from searches.bounds import UsageOf, check_reachable
from searches.constraints import Budgets
from searches.errors import InfeasibleError
from searches.infeasibility import check_jointly_reachable
from searches.space import Space

__all__ = ["Reachability"]


@dataclass(frozen=True)
class Reachability:
    """The question whether some design meets the budgets.

    Args:
        network: the network.
        space: its designs.
        budgets: of the search.
        activation_bits: the width with which every counted figure is least.
        latency: what gives times; None where designs are not timed.
        remedies: what would do instead on the device; None without one.
    """

    network: NetworkSpec
    space: Space
    budgets: Budgets
    activation_bits: int
    latency: LatencySource | None
    remedies: Remedies | None = None

    def check_before_fits(self) -> bool:
        """Refuses budgets that cannot be met whatever the weights are, each alone and all at once.

        Returns:
            Whether each can be met alone; where not, only fits can tell (`check_with_fits`).

        Raises:
            InfeasibleError: of a budget that cannot be met alone the least is that of the schemes' own densities.
        """
        with self._explained():
            is_decided = self._decides_each_alone()
            sram = self.budgets.sram_bytes
            check_jointly_reachable(self.network, self.space, self.budgets, self.activation_bits, sram)
            return is_decided

    def check_with_fits(self, usage_of: UsageOf) -> None:
        """Refuses budgets that cannot be met alone, with the counts of fitted layers and a progress bar.

        Args:
            usage_of: fits a layer with a scheme, and gives what it really uses.

        Raises:
            InfeasibleError: the message names every such budget and the least value reachable.
        """
        with Stage("fitting, to find the least reachable", unit="layer") as bar, self._explained():
            self._check_each_alone(_watched(usage_of, bar))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Adds to a refusal what would do instead."""
        try:
            yield
        except InfeasibleError as error:
            raise (self.remedies.explained(error) if self.remedies else error) from None

    def _check_each_alone(self, usage_of: UsageOf | None) -> None:
        check_reachable(self.network, self.space, self.budgets, self.activation_bits, usage_of, self.latency)

    def _decides_each_alone(self) -> bool:
        """Whether the schemes' parameters alone tell that each budget can be met."""
        try:
            self._check_each_alone(None)
        except InfeasibleError as at_own_densities:
            nothing_used = LayerUsage(0, 0, 0, 0, 0)
            try:
                self._check_each_alone(lambda name, scheme: nothing_used)
            except InfeasibleError:
                raise at_own_densities from None
            return False
        return True


def _watched(usage_of: UsageOf, bar: Stage) -> UsageOf:
    """The same, moving the bar."""

    def ask(name: str, scheme: Scheme) -> LayerUsage:
        bar.update()
        return usage_of(name, scheme)

    return ask
