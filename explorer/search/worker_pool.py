"""Processes of this machine that measure designs, each with one thread and a network of its own.

The process that searches proposes and writes; these only measure (`explorer.search.worker_process`). One that dies
takes nothing finished with it: its design goes to another once, and fails with the reason if that one dies too. One
that dies while it loads is started once more.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from types import TracebackType
from typing import Any

from explorer.search.worker_process import ERROR, MEMORY, READY, Maker, serve
from explorer.system.errors import WorkerError
from explorer.system.interrupts import interrupts_held_back
from searches.design import Design
from searches.measurer import Measurement
from searches.signature import check_signature

__all__ = ["WorkerPool"]

ATTEMPTS = 2
"""Processes that try to load, and that try to measure a design, before the pool or the design is given up."""

THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
PRELOADED = (
    *("torch.export._trace", "pandas", "scipy.optimize", "sklearn.datasets", "explorer.search.setup"),
    "explorer.search.preloaded",
)
"""What a process of the pool needs and takes long to load; a name that is not there is passed over. The user's script
is not among them: it may do anything."""
PATIENCE_SECONDS = 5
"""How long a process that has nothing to do may take to end by itself."""


@dataclass
class _Worker:
    """A process of the pool, and the number of the trial whose design it measures, if any."""

    process: multiprocessing.process.BaseProcess
    connection: Connection
    attempt: int
    is_ready: bool = False
    number: int | None = None


class WorkerPool(AbstractContextManager["WorkerPool"]):
    """A `searches.measurer.Measurer` of several processes.

    Args:
        size: processes.
        make: makes what each of them measures with.
        signature: what each must have loaded.
    """

    def __init__(self, size: int, make: Maker, signature: Mapping[str, Any]) -> None:
        self.capacity = size
        self._make, self._signature = make, signature
        self._context = _context()
        self._workers: list[_Worker] = []
        self._queue: deque[int] = deque()
        self._designs: dict[int, Design] = {}
        self._attempts: dict[int, int] = {}

    def __enter__(self) -> "WorkerPool":
        self._workers = [self._start() for _ in range(self.capacity)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.connection.close()
            if worker.number is not None or not worker.is_ready:
                # The design that it measures is given back; what it keeps on disk is whole or not there.
                worker.process.kill()
        for worker in self._workers:
            worker.process.join(timeout=PATIENCE_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def submit(self, number: int, design: Design) -> None:
        """Takes a design for the next process that is free."""
        self._designs[number] = design
        self._queue.append(number)
        self._assign()

    def completed(self, seconds: float) -> list[Measurement]:
        """What the processes have measured.

        Args:
            seconds: how long to wait for it where there is nothing.

        Raises:
            WorkerError: a process ended twice before it was ready, or raised what another try would raise too.
        """
        done = []
        for ready in wait([worker.connection for worker in self._workers], seconds):
            worker = next(worker for worker in self._workers if worker.connection is ready)
            measurement = self._receive(worker)
            if measurement is not None:
                done.append(measurement)
        self._assign()
        return done

    def _start(self, attempt: int = 1) -> _Worker:
        ours, theirs = self._context.Pipe()
        before = {name: os.environ.get(name) for name in THREAD_LIMITS}
        # Libraries read them when they are loaded, by the process of which this one is a copy.
        os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))
        process = self._context.Process(target=_serve, args=(theirs, self._make, dict(os.environ)), daemon=True)
        try:
            # Starting this one lets interrupts through again, which the server of copies would begin its life with.
            resource_tracker.ensure_running()
            with interrupts_held_back():
                process.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()
        return _Worker(process, ours, attempt)

    def _assign(self) -> None:
        """Hands waiting designs to the processes that are free."""
        for worker in self._workers:
            if self._queue and worker.is_ready and worker.number is None:
                worker.number = self._queue.popleft()
                with suppress(OSError):  # it has died, which is received next
                    worker.connection.send(self._designs[worker.number])

    def _receive(self, worker: _Worker) -> Measurement | None:
        """Takes a process's message, or its end."""
        try:
            kind, *content = worker.connection.recv()
        except (EOFError, OSError):
            return self._replace(worker)
        if kind == READY:
            check_signature(self._signature, content[0])
            worker.is_ready = True
            return None
        if kind == ERROR or worker.number is None:
            raise content[0]
        number, worker.number = worker.number, None
        if kind == MEMORY:
            return self._try_again(number, f"out of memory ({content[0]})")
        figures, seconds = content
        self._forget(number)
        return Measurement(number, seconds, figures)

    def _replace(self, worker: _Worker) -> Measurement | None:
        """Puts another in the place of a process that ended."""
        worker.process.join()
        worker.connection.close()
        ending = _ending(worker.process.exitcode)
        if not worker.is_ready and worker.attempt == ATTEMPTS:
            got = f"{ending}, {ATTEMPTS} times"
            raise WorkerError("a process that measures can start", got, "use fewer --workers")
        attempt = 1 if worker.is_ready else worker.attempt + 1
        self._workers[self._workers.index(worker)] = self._start(attempt)
        if worker.number is None:
            return None
        return self._try_again(worker.number, f"the process that measured it ended ({ending})")

    def _try_again(self, number: int, reason: str) -> Measurement | None:
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


def _serve(connection: Connection, make: Maker, environment: dict[str, str]) -> None:
    """`serve` in the environment of the process that starts this one; that of the one that was copied may be older."""
    os.environ.clear()
    os.environ.update(environment)
    serve(connection, make)


def _context() -> ForkServerContext:
    """Starts processes as copies of one that has loaded the libraries, which takes seconds, and done nothing. A copy of
    this process would hang or die in its first parallel region if there was one here."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
