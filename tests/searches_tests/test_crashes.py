"""A search that is killed at ten random moments and goes on each time; `benchmarks/crashes.py` kills every command.

One process loads the libraries and forks those that are killed, so that the kills meet the search.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 10
CHAIN = """
import json, os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import Evaluate, make_problem
from searches.storage import open_storage
from searches.study import open_study, run_study

TRIALS = 30
place, kind, kills = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])

def location(name):
    return f"sqlite:///{place}/{name}.db" if kind == "sqlite" else place / name

def finished(name):
    study = open_study(make_problem(Evaluate()), open_storage(location(name)), "search", True)
    trials = study.get_trials(deepcopy=False)
    return [[trial.number, trial.params] for trial in trials if trial.state.name == "COMPLETE"]

def search(name):
    problem = make_problem(Evaluate())
    run_study(open_study(problem, open_storage(location(name)), "search", True), problem, "random", 3, TRIALS)

def ended(name, seconds):
    process = os.fork()
    if process == 0:
        code = 1
        try:
            search(name)
            code = 0
        finally:
            os._exit(code)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

began = time.monotonic()
assert ended("whole", None) == 0
longest, draw, lost, met, before = time.monotonic() - began, random.Random(0), 0, 0, []
for _ in range(kills):
    met += ended("killed", draw.uniform(0, longest / 2)) == -signal.SIGKILL
    now = finished("killed")
    lost += now[: len(before)] != before
    before = now
code = ended("killed", None)
print(json.dumps([met, lost, code, finished("killed") == finished("whole"), len(before)]))
"""


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_search_killed_at_random_moments_ends_as_one_that_was_not(tmp_path, kind):
    kills = KILLS // 2
    command = [sys.executable, "-W", "ignore", "-c", CHAIN, str(Path(__file__).parent), str(tmp_path), kind, str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    met, lost, code, same, finished = json.loads(done.stdout)
    assert (lost, code) == (0, 0), done.stderr
    assert met + (finished == 30) >= 1
    assert same or kind == "sqlite"  # a lost trial of a database is repeated after others
