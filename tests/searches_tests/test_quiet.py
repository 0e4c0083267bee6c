"""Stray lines of compiled code stay off the standard output; in a process of its own, whose output is a pipe."""

import subprocess
import sys

PROGRAM = """
import ctypes, os, sys
from searches.quiet import quiet_stdout

library = ctypes.CDLL(None)
print("before")
library.printf(b"C before\\n")
with quiet_stdout():
    library.printf(b"stray\\n")
    os.write(1, b"straight\\n")
    with quiet_stdout():
        library.printf(b"stray within\\n")
    library.printf(b"stray again\\n")
library.printf(b"C after\\n")
library.fflush(None)
print("after", flush=True)
try:
    with quiet_stdout():
        raise ValueError
except ValueError:
    print("restored", flush=True)
os.close(1)
with quiet_stdout():
    pass
print("closed", file=sys.stderr)
"""


def test_only_what_is_printed_outside_comes_out() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.stdout.split("\n") == ["before", "C before", "C after", "after", "restored", ""]
    assert done.stderr.startswith("closed\n")
