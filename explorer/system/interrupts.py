"""Ctrl-C and SIGTERM as a request: the design at hand is finished and written, then the search stops."""

import signal
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType, TracebackType
from typing import Any

__all__ = ["StopRequest", "forget_handled_interrupt", "ignore_interrupts", "interrupts_held_back"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest(AbstractContextManager["StopRequest"]):
    """Catches the first signal within its block, and lets a second one stop at once.

    An exception raised in the middle of a write, as Ctrl-C does by default, could leave the study's journal locked.
    Only the main thread of a process hears signals; a block in another thread runs to its end.

    Args:
        on_request: called with a line for the user when the first signal comes.
    """

    def __init__(self, on_request: Callable[[str], Any] = lambda line: None) -> None:
        self.asked = False
        self._on_request, self._is_at_once = on_request, False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within this block the first signal raises KeyboardInterrupt too: what is done here can be left half way."""
        before, self._is_at_once = self._is_at_once, True
        try:
            yield
        finally:
            self._is_at_once = before

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked or self._is_at_once:
            self.asked = True
            raise KeyboardInterrupt
        self.asked = True
        self._on_request("stopping after the design at hand; once more stops at once")


def ignore_interrupts() -> None:
    """In a process that works for another: signals to a process group reach both, and the other one decides."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def forget_handled_interrupt() -> None:
    """Lets a process that has handled Ctrl-C end with its own exit code.

    CPython marks a KeyboardInterrupt that leaves code compiled from text, such as a data class in the making, and a
    process started by ``python -m`` then ends by the signal, whoever caught it meanwhile (Python/pythonrun.c,
    `run_eval_code_obj`; Modules/main.c, `Py_RunMain`). The mark goes when text is compiled and run again, as it is for
    any named tuple.
    """
    namedtuple("Nothing", ())


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Within this block Ctrl-C waits. A process that is started here never hears of it, not even on its way up, where
    it could only print a traceback; what it works for decides."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
