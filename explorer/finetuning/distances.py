"""How far a network's outputs are from a teacher's: what fine-tuning makes small without labels."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils import _pytree as pytree

from explorer.data import class_scores

__all__ = ["distance", "relative_error"]


def distance(outputs: Any, wanted: Any, temperature: float) -> Tensor:
    """T^2 * KL(teacher || student) of class scores, both at temperature T (Hinton et al., 2); of other outputs their
    squared error as a share of the teacher's own squares.

    Args:
        outputs: of the student for a batch (N, ...), one or several.
        wanted: those of the teacher, of the same structure.
        temperature: T.
    """
    mine, theirs = class_scores(outputs), class_scores(wanted)
    if mine is None or theirs is None:
        return relative_error(outputs, wanted)
    answers, goal = (functional.log_softmax(scores / temperature, 1) for scores in (mine, theirs))
    return temperature**2 * functional.kl_div(answers, goal, reduction="batchmean", log_target=True)


def relative_error(outputs: Any, wanted: Any) -> Tensor:
    """The squared error of all outputs over the squares of those wanted, the mean over outputs of floats.

    >>> float(relative_error(torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 5.0]])))  # 1 / (9 + 25)
    0.029411764815449715
    """
    pairs = zip(pytree.tree_leaves(outputs), pytree.tree_leaves(wanted), strict=True)
    shares = [
        (one - other).square().sum() / other.square().sum().clamp_min(torch.finfo(other.dtype).tiny)
        for one, other in pairs
        if isinstance(other, Tensor) and other.is_floating_point()
    ]
    return torch.stack(shares).mean()
