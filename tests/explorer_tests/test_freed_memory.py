"""Freed memory stays with the process."""

import platform
import subprocess
import sys

import pytest

from explorer.system import freed_memory

FAULTS = (
    "import resource, sys, numpy as np\n"
    "from explorer.system.freed_memory import keep_freed_memory\n"
    "if sys.argv[1] == 'kept':\n"
    "    assert keep_freed_memory()\n"
    "np.ones(2**24).sum()\n"
    "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
    "for _ in range(4):\n"
    "    np.ones(2**24).sum()\n"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
)
"""Asks five times for 128 MiB, 2^15 pages of 4 KiB, and prints how often a page had to be handed out after the first
time. Pages may be larger, so the two ways are compared."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory in its own way")
def test_memory_that_is_asked_for_again_is_not_handed_out_again():
    faults = {}
    for way in ("kept", "returned"):
        done = subprocess.run([sys.executable, "-c", FAULTS, way], capture_output=True, text=True, check=True)
        faults[way] = int(done.stdout)
    assert faults["kept"] * 4 < faults["returned"]


def test_another_c_library_is_left_alone(monkeypatch):
    class Other:
        def __getattr__(self, name):
            raise AttributeError(name)

    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: Other())
    assert freed_memory.keep_freed_memory() is False
