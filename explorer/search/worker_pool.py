"""Processes of this machine that measure designs, each with one thread and a network of its own.

The process that searches proposes and writes; these only measure. One that dies takes nothing finished with it: its
design goes to another once, and fails with the reason if that one dies too. One that dies while it loads is started
once more.
"""

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

from costmodels.errors import FilterfrontError
from explorer.errors import WorkerError
from explorer.system.interrupts import ignore_interrupts
from searches.design import Design
from searches.measurer import Measurement
from searches.problem import Figures
from searches.signature import check_signature

__all__ = ["Job", "Maker", "WorkerPool", "is_out_of_memory"]

ATTEMPTS = 2
THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """What a process of the pool measures with, and the signature of what it has loaded."""

    evaluate: Callable[[Design], Figures]
    signature: Mapping[str, Any]


Maker = Callable[[], Job]
"""Makes a job in a process of the pool; a function at a module's top level, or a partial of one."""


@dataclass
class _Member:
    process: multiprocessing.process.BaseProcess
    connection: Connection
    attempt: int
    is_ready: bool = False
    number: int | None = None


class WorkerPool(AbstractContextManager["WorkerPool"]):
    """A `Measurer` of several processes.

    Args:
        size: processes.
        make: makes what each of them measures with.
        signature: what each must have loaded.
    """

    def __init__(self, size: int, make: Maker, signature: Mapping[str, Any]) -> None:
        self.capacity = size
        self._make, self._signature = make, signature
        self._context = multiprocessing.get_context("spawn")  # a fork after a parallel region hangs or dies
        self._members: list[_Member] = []
        self._queue: deque[int] = deque()
        self._designs: dict[int, Design] = {}
        self._attempts: dict[int, int] = {}

    def __enter__(self) -> "WorkerPool":
        self._members = [self._start() for _ in range(self.capacity)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self._members:
            member.connection.close()
            if member.number is not None or not member.is_ready:
                member.process.kill()  # what it has in hand is given back; what it keeps on disk is whole or not there
        for member in self._members:
            member.process.join(timeout=5)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()

    def submit(self, number: int, design: Design) -> None:
        """Takes a design for the next process that is free."""
        self._designs[number] = design
        self._queue.append(number)
        self._assign()

    def completed(self, seconds: float) -> list[Measurement]:
        """What the processes have measured.

        Raises:
            WorkerError: a process ended twice before it was ready, or raised what another try would raise too.
        """
        done = []
        for ready in wait([member.connection for member in self._members], seconds):
            member = next(member for member in self._members if member.connection is ready)
            measurement = self._hear(member)
            if measurement is not None:
                done.append(measurement)
        self._assign()
        return done

    def _start(self, attempt: int = 1) -> _Member:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_measure, args=(theirs, self._make), daemon=True)
        before = {name: os.environ.get(name) for name in THREAD_LIMITS}
        os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))  # libraries read them when they are loaded, in the child
        try:
            process.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()
        return _Member(process, ours, attempt)

    def _assign(self) -> None:
        for member in self._members:
            if self._queue and member.is_ready and member.number is None:
                member.number = self._queue.popleft()
                with suppress(OSError):  # it has died, which is heard next
                    member.connection.send(self._designs[member.number])

    def _hear(self, member: _Member) -> Measurement | None:
        try:
            kind, *content = member.connection.recv()
        except (EOFError, OSError):
            return self._bury(member)
        if kind == "ready":
            check_signature(self._signature, content[0])
            member.is_ready = True
            return None
        if kind == "error" or member.number is None:
            raise content[0]
        number, member.number = member.number, None
        if kind == "memory":
            return self._again(number, f"out of memory ({content[0]})")
        figures, seconds = content
        self._forget(number)
        return Measurement(number, seconds, figures)

    def _bury(self, member: _Member) -> Measurement | None:
        """Puts another in the place of a process that ended."""
        member.process.join()
        member.connection.close()
        ending = _ending(member.process.exitcode)
        if not member.is_ready and member.attempt == ATTEMPTS:
            got = f"{ending}, {ATTEMPTS} times"
            raise WorkerError("a process that measures can start", got, "use fewer --workers")
        attempt = 1 if member.is_ready else member.attempt + 1
        self._members[self._members.index(member)] = self._start(attempt)
        if member.number is None:
            return None
        return self._again(member.number, f"the process that measured it ended ({ending})")

    def _again(self, number: int, reason: str) -> Measurement | None:
        """Hands the design to another process, or gives it up."""
        self._attempts[number] = self._attempts.get(number, 0) + 1
        if self._attempts[number] < ATTEMPTS:
            self._queue.appendleft(number)
            return None
        self._forget(number)
        return Measurement(number, 0.0, reason=f"{reason}, {ATTEMPTS} times")

    def _forget(self, number: int) -> None:
        self._designs.pop(number)
        self._attempts.pop(number, None)


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _measure(connection: Connection, make: Maker) -> None:
    """What a process of the pool does until the one it works for closes its end, or ends."""
    ignore_interrupts()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            job = make()
            connection.send(("ready", dict(job.signature)))
            while True:
                connection.send(_answer(job, connection.recv()))
        except EOFError:
            raise
        except FilterfrontError as error:
            connection.send(("error", error))
        except Exception as error:
            connection.send(
                ("error", WorkerError("a design can be measured", _said(error), "see --debug, --workers 1"))
            )


def _answer(job: Job, design: Design) -> tuple[Any, ...]:
    start = time.perf_counter()
    try:
        return "figures", dict(job.evaluate(design)), time.perf_counter() - start
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return "memory", _said(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out; PyTorch says so in words."""
    return isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
