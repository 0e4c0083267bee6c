"""What a stage shows: a bar in a terminal, lines elsewhere, nothing where quiet is wanted."""

import subprocess
import sys
import threading
from contextlib import redirect_stderr
from io import StringIO

import pytest

from explorer.api.progress import shown
from explorer.system import progress
from explorer.system.progress import Stage, staged


class Terminal(StringIO):
    def isatty(self):
        return True


class Watched(StringIO):
    """A stream that tells when something was written to it."""

    def __init__(self):
        super().__init__()
        self.written = threading.Event()

    def write(self, text):
        count = super().write(text)
        self.written.set()
        return count


@pytest.fixture
def at_once(monkeypatch):
    """Lines come at once, and again and again."""
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    monkeypatch.setattr(progress._speaker, "_next_line", 0.0)


def test_a_line_says_how_far_a_stage_is_and_what_is_left():
    stage = Stage("searching", 300, "trial", shown=False)
    assert stage.line(4) == "searching: 0 of 300 trials, 4 s"
    stage.update(100)
    stage.note("best accuracy 0.9")
    # 100 trials in 60 s: 200 more in 120 s
    assert stage.line(60) == "searching: 100 of 300 trials, 60 s, about 2 min left, best accuracy 0.9"
    stage.update(200)
    assert stage.line(7200) == "searching: 300 of 300 trials, 2.0 h, best accuracy 0.9"
    stage = Stage("reading", shown=False)
    assert stage.line(99) == "reading: 99 s"
    stage.note("the network")
    assert stage.line(99) == "reading: 99 s, the network"


def test_what_was_done_before_does_not_count_for_the_time_left():
    stage = Stage("searching", 300, "trial", done=200, shown=False)
    stage.update(50)
    assert stage.line(30) == "searching: 250 of 300 trials, 30 s, about 30 s left"


def test_off_a_terminal_the_innermost_stage_speaks_although_no_step_ends(at_once):
    stream = Watched()
    with redirect_stderr(stream), Stage("outer"), Stage("inner", 2, "step"):
        stream.written.clear()
        assert stream.written.wait(60)
        assert stream.written.wait(60)
    said = stream.getvalue()
    assert "inner: 0 of 2 steps, 0 s\n" in said
    assert "\r" not in said
    assert not progress._speaker.stages
    assert progress._speaker._thread is None


def test_a_quick_command_says_nothing_off_a_terminal(monkeypatch):
    monkeypatch.setattr(progress, "FIRST_SECONDS", 1e9)
    monkeypatch.setattr(progress._speaker, "_next_line", 0.0)
    stream = StringIO()
    with redirect_stderr(stream):
        assert list(staged("ab", "spelling", 2, "letter")) == ["a", "b"]
    assert stream.getvalue() == ""


def test_in_a_terminal_there_is_a_bar():
    stream = Terminal()
    with redirect_stderr(stream):
        assert list(staged("ab", "spelling", 2, "letter")) == ["a", "b"]
    assert "spelling: 100%" in stream.getvalue()
    assert "2/2" in stream.getvalue()


@pytest.mark.parametrize("stream", [Terminal, StringIO])
def test_quiet_is_quiet(at_once, stream):
    found = stream()
    with redirect_stderr(found), shown(quiet=True):
        assert list(staged("ab", "spelling", 2, "letter")) == ["a", "b"]
    assert found.getvalue() == ""


def test_an_error_within_a_stage_leaves_none_behind():
    with pytest.raises(ValueError, match="no"), redirect_stderr(StringIO()), Stage("outer"), Stage("inner", 1):
        raise ValueError("no")
    assert not progress._speaker.stages


def test_a_process_that_works_for_another_makes_no_lock_for_bars_of_several_processes():
    code = (
        "from explorer.system.progress import Stage, mute\n"
        "mute()\n"
        "with Stage('measuring', 2, 'design') as bar:\n"
        "    bar.update(2)\n"
        "from tqdm.std import TqdmDefaultWriteLock\n"
        "print(hasattr(TqdmDefaultWriteLock, 'mp_lock'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")
