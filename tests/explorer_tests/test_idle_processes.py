"""Processes that are kept for later work: they end with the command, at once."""

import os
import subprocess
import sys

import joblib
import pytest

from explorer.cli import main
from explorer.system.idle_processes import end_idle_processes


def idle_processes():
    """The numbers of two that have done something and wait for more."""
    with joblib.parallel_config("loky", n_jobs=2, idle_worker_timeout=600):
        return set(joblib.Parallel()(joblib.delayed(os.getpid)() for _ in range(8))) - {os.getpid()}


def is_there(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_they_end_when_they_are_told():
    numbers = idle_processes()
    assert len(numbers) > 0
    assert all(map(is_there, numbers))
    end_idle_processes()
    assert not any(map(is_there, numbers))


def test_they_end_with_the_command():
    numbers = idle_processes()
    with pytest.raises(SystemExit):
        main(["schemes"])
    assert not any(map(is_there, numbers))


def test_where_there_are_none_nothing_is_loaded():
    code = (
        "import sys; from explorer.cli import main\ntry: main(['devices'])\nfinally: assert 'joblib' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_nothing_is_collected_at_the_end_of_the_command():
    code = "import gc, sys; from explorer.cli import main; sys.argv[1:] = ['devices']\ntry: main()\n"
    code += "finally: assert gc.get_freeze_count() > 0"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_a_library_that_was_loaded_half_way_is_left_alone():
    code = (
        "import sys, types; names = 'joblib', 'joblib.externals.loky.reusable_executor'; "
        "sys.modules.update({name: types.ModuleType(name) for name in names}); "
        "from explorer.cli import main; main(['devices'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
