"""What a stage of a command shows on stderr while it runs: a bar in a terminal, elsewhere a line now and then.

A line comes within a second of the first stage, and every nine seconds after that, with the time left where the
length of the stage is known. Errors that come at once are thus the only line there is.
"""

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TypeVar

from tqdm import tqdm

__all__ = ["Stage", "mute", "said_beside_bars", "staged", "time_in_words"]

FIRST_SECONDS, LINE_SECONDS = 0.7, 9.0
"""Off a terminal: after so long the first line of a process comes, and each further one after so long without any."""

_REDRAW_SECONDS = 1.0
Item = TypeVar("Item")


class _Speaker:
    """Redraws or says the innermost stage from a thread of its own, for stages whose steps take long."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.is_muted = False
        self._lock, self._end = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._next_line = 0.0

    def enter(self, stage: "Stage") -> None:
        with self._lock:
            if not self._next_line:
                self._next_line = time.monotonic() + FIRST_SECONDS
            self.stages.append(stage)
            if self._thread is None:
                self._end = threading.Event()
                self._thread = threading.Thread(target=self._run, args=(self._end,), daemon=True, name="progress")
                self._thread.start()

    def leave(self, stage: "Stage") -> None:
        with self._lock:
            self.stages.remove(stage)
            if self.stages:
                return
            thread, self._thread = self._thread, None
            self._end.set()
        if thread is not None:
            thread.join()

    def _run(self, end: threading.Event) -> None:
        while not end.wait(min(_REDRAW_SECONDS, FIRST_SECONDS / 3)):
            with self._lock:
                stage = self.stages[-1] if self.stages else None
            if stage is not None:
                self._show(stage)

    def _show(self, stage: "Stage") -> None:
        if stage.is_bar:
            stage.redraw()
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_SECONDS
            stage.say()


_speaker = _Speaker()


class Stage(AbstractContextManager["Stage"]):
    """A stage of a command.

    Args:
        title: what is done, in a few words.
        total: steps; None where nobody knows how many.
        unit: of a step.
        done: steps that are done already.
        shown: whether anything is shown; None shows it unless the stream asks for quiet.
        scaled: whether steps are so many that they are shown in thousands.
    """

    def __init__(
        self,
        title: str,
        total: int | None = None,
        unit: str = "step",
        done: int = 0,
        shown: bool | None = None,
        scaled: bool = False,
    ) -> None:
        stream = sys.stderr
        self.title, self.total, self.unit, self.done = title, total, unit, done
        self._stream, self._note = stream, ""
        self._start, self._first = time.monotonic(), done
        is_quiet = _speaker.is_muted or getattr(stream, "is_quiet", False)
        self._is_shown = not is_quiet if shown is None else shown
        is_terminal = bool(stream and stream.isatty())
        self.is_bar = self._is_shown and (is_terminal or shown is True)
        bare = "{desc}: {elapsed}{postfix}" if total is None else None
        self._bar: tqdm[Any] = tqdm(
            *(), total=total, initial=done, desc=title, unit=unit, unit_scale=scaled, bar_format=bare, file=stream,
            disable=not self.is_bar,
        )  # fmt: skip

    def __enter__(self) -> "Stage":
        if self._is_shown:
            _speaker.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            _speaker.leave(self)
        self._bar.leave = kind is None and self.total is not None
        self._bar.close()

    def update(self, steps: int = 1) -> None:
        """So many more steps are done."""
        self.done += steps
        self._bar.update(steps)

    def note(self, text: str) -> None:
        """What else is to be said of the stage as it is now."""
        self._note = text
        self._bar.set_postfix_str(text, refresh=False)

    def redraw(self) -> None:
        """Draws the bar again, so that its time goes on."""
        self._bar.refresh()

    def say(self) -> None:
        """Writes one line on how far it is."""
        tqdm.write(self.line(time.monotonic() - self._start), file=self._stream)

    def line(self, seconds: float) -> str:
        """How far the stage is.

        Args:
            seconds: since it began.
        """
        parts = [time_in_words(seconds)]
        if self.total is not None:
            parts.insert(0, f"{self.done:,} of {self.total:,} {self.unit}s")
            made = self.done - self._first
            if made and self.done < self.total:
                parts.append(f"about {time_in_words(seconds * (self.total - self.done) / made)} left")
        return f"{self.title}: {', '.join([*parts, *([self._note] if self._note else [])])}"


def staged(items: Iterable[Item], title: str, total: int, unit: str) -> Iterator[Item]:
    """The items one after the other, as a stage.

    Args:
        items: of the stage.
        title: what is done with them.
        total: how many there are.
        unit: of one.
    """
    with Stage(title, total, unit) as stage:
        for item in items:
            yield item
            stage.update()


def mute() -> None:
    """In a process that works for another: nothing is shown, and no lock for bars of several processes is made, which
    would be reported as lost where the process is ended."""
    _speaker.is_muted = True
    tqdm.set_lock(threading.RLock())


def said_beside_bars(line: str) -> None:
    """Writes a line to stderr without tearing a bar."""
    tqdm.write(line, file=sys.stderr)


def time_in_words(seconds: float) -> str:
    """A time in words.

    >>> time_in_words(45), time_in_words(700), time_in_words(12240)
    ('45 s', '12 min', '3.4 h')
    """
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"
