"""The epochs of a training that are missing, one after the other, with a bar and a checkpoint after each."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from explorer.system.progress import Stage

__all__ = ["Learning", "run_epochs"]


class Learning(Protocol):
    """A training that can stop after any epoch."""

    @property
    def curve(self) -> Sequence[Any]:
        """What the finished epochs gave."""

    @property
    def finished(self) -> bool:
        """Whether no further epoch is to be learned."""

    @property
    def status(self) -> str:
        """How far it is, in a few words."""

    def learn_epoch(self, on_batch: Callable[[int], object], /) -> Any:
        """The next epoch; ``on_batch`` is called with the number of images of every batch."""


def run_epochs(
    learning: Learning,
    title: str,
    epochs: int,
    images: int,
    progress: bool | None,
    save: Callable[[], None],
) -> None:
    """Learns until the training is finished, with a bar over all images of all epochs.

    Args:
        learning: as far as it is.
        title: of the bar.
        epochs: the most there are.
        images: of an epoch.
        progress: whether the bar is shown on stderr; None shows it on a terminal only.
        save: called after every epoch.
    """
    done = len(learning.curve)
    with Stage(title, epochs * images, "image", done=done * images, shown=progress, scaled=True) as bar:
        while not learning.finished:
            learning.learn_epoch(bar.update)
            bar.note(f"epoch {len(learning.curve)} of {epochs}, {learning.status}")
            save()
