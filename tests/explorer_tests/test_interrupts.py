import os
import signal
import subprocess
import sys

import pytest

from explorer.system.interrupts import StopRequest, ignore_interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_stops_at_once(number):
    lines = []
    with StopRequest(lines.append) as request:
        assert not request.asked
        os.kill(os.getpid(), number)
        assert request.asked
        assert lines == ["stopping after the design at hand; once more stops at once"]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


def test_outside_the_block_signals_do_what_they_did():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopRequest():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_working_process_leaves_both_signals_to_the_one_it_works_for():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        ignore_interrupts()
        assert {signal.getsignal(number) for number in before} == {signal.SIG_IGN}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_signal_while_the_libraries_unload_changes_nothing():
    code = (
        "import atexit, os, signal, sys; from explorer.cli import main; sys.argv = ['filterfront', '--version']; "
        "atexit.register(os.kill, os.getpid(), signal.SIGINT); main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("filterfront")


@pytest.mark.parametrize("text", ["raise KeyboardInterrupt", "import os; os.kill(os.getpid(), 2)"])
def test_a_signal_while_a_class_is_made_ends_with_the_code_of_ctrl_c(tmp_path, text):
    """A data class is compiled from text, and python -m ends by the signal for what leaves such code."""
    (tmp_path / "begun.py").write_text(
        "import explorer.cli, importlib\n"
        "def interrupted(name):\n"
        f"    exec({text!r})\n"
        "importlib.import_module = interrupted\n"
        "import sys; sys.argv = ['filterfront', 'devices']\n"
        "explorer.cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "begun"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "filterfront: interrupted\n")
