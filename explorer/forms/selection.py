"""Selection: the integers that a compressed layer chooses in every forward pass, until they are frozen.

Source: the stages of training follow those of quantized training in parts (A. Zhou et al., Incremental Network
Quantization, ICLR 2017, arXiv 1702.03044): what is frozen stays, and what is left adapts to it.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from explorer.forms.straight_through import straight_through

__all__ = ["Selection"]


class Selection(nn.Module):
    """Codes, signs, places or a support that follow from trained values.

    Attributes:
        chosen: what was chosen last; empty before the first choice.
        is_frozen: whether that stays.
    """

    chosen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("chosen", torch.empty(0), persistent=False)
        self.is_frozen = False

    def freeze(self) -> None:
        """Keeps what was chosen last.

        Raises:
            RuntimeError: nothing was chosen yet.
        """
        if not self.chosen.numel():
            raise RuntimeError("nothing was chosen yet")
        self.is_frozen = True

    @torch.no_grad()
    def choose(self, choice: Callable[[], Tensor]) -> Tensor:
        """What is chosen, without a gradient.

        Args:
            choice: chooses; not called where the selection is frozen.
        """
        if not self.is_frozen:
            self.chosen = choice().detach()
        return self.chosen

    def codes(self, values: Tensor, choice: Callable[[], Tensor], low: float, high: float) -> Tensor:
        """What is chosen, with the straight-through gradient of the values, clipped to [low, high]; without a gradient
        where the selection is frozen.

        Args:
            values: from which it is chosen.
            choice: as in `choose`.
            low: least value that a gradient passes.
            high: greatest.
        """
        chosen = self.choose(choice)
        return chosen if self.is_frozen else straight_through(values, chosen, low, high)

    def get_extra_state(self) -> Tensor:
        """What is frozen; empty where nothing is."""
        return self.chosen if self.is_frozen else self.chosen.new_empty(0)

    def set_extra_state(self, state: Tensor) -> None:
        """Takes what `get_extra_state` gave.

        Args:
            state: from there.
        """
        self.chosen, self.is_frozen = state.to(self.chosen.device), bool(state.numel())
