"""A process of the worker pool: it loads a job, says what it has loaded, and answers each design with its figures.

Messages are tuples whose first entry says what they are: ``ready`` with the signature of the job, ``figures`` with
those of a design and the seconds that they took, ``memory`` with the words of what ran out of it, ``error`` with an
exception that another try would raise too.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from costmodels.errors import FilterfrontError
from explorer.system.errors import WorkerError
from explorer.system.freed_memory import keep_freed_memory
from explorer.system.interrupts import ignore_interrupts
from explorer.system.progress import mute
from searches.design import Design
from searches.problem import Figures

__all__ = ["ERROR", "MEMORY", "READY", "Job", "Maker", "is_out_of_memory", "serve"]

READY, FIGURES, MEMORY, ERROR = "ready", "figures", "memory", "error"


@dataclass(frozen=True)
class Job:
    """What a process of the pool measures with.

    Args:
        evaluate: figures of a design.
        signature: of what it has loaded.
    """

    evaluate: Callable[[Design], Figures]
    signature: Mapping[str, Any]


Maker = Callable[[], Job]
"""Makes a job in a process of the pool; a function at a module's top level, or a partial of one."""


def serve(connection: Connection, make: Maker) -> None:
    """Answers designs until the process that it works for closes its end, or ends.

    Args:
        connection: to that process.
        make: makes what designs are measured with.
    """
    ignore_interrupts()
    mute()
    keep_freed_memory()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            job = make()
            connection.send((READY, dict(job.signature)))
            while True:
                connection.send(_answer(job, connection.recv()))
        except EOFError:
            raise
        except FilterfrontError as error:
            connection.send((ERROR, error))
        except Exception as error:
            remedy = "see --debug, --workers 1"
            connection.send((ERROR, WorkerError("a design can be measured", _said(error), remedy)))


def _answer(job: Job, design: Design) -> tuple[Any, ...]:
    start = time.perf_counter()
    try:
        return FIGURES, dict(job.evaluate(design)), time.perf_counter() - start
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return MEMORY, _said(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out; PyTorch says so in words."""
    return isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
