"""The notebook of the tutorial runs from its first cell to its last, and shows what is stored in it."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorial" / "notebook.ipynb"


def cells(path):
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def texts(cell):
    """What a cell shows, as text."""
    return ["".join(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in cell["outputs"]]


def execute(folder):
    """The notebook's cells, executed in an empty folder.

    What it prints goes to a file: processes that fitted layers for it hold a pipe open for minutes after its end.
    """
    path, said = folder / "notebook.ipynb", folder / "said.txt"
    shutil.copy(NOTEBOOK, path)
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", path.name]
    with said.open("w") as stream:
        done = subprocess.run(command, cwd=folder, stdout=stream, stderr=stream)
    assert done.returncode == 0, said.read_text()[-3000:]
    return cells(path)


def test_the_notebook_runs_and_shows_what_is_stored(tmp_path):
    executed = execute(tmp_path)
    check_kinds_of_output(executed)
    check_counts(executed)
    check_packed_network(executed)


def check_kinds_of_output(executed):
    """Every cell shows the kinds of output that are stored."""
    for cell, stored in zip(executed, cells(NOTEBOOK), strict=True):
        shown, expected = ([sorted(output.get("data", output)) for output in one["outputs"]] for one in (cell, stored))
        assert shown == expected, "".join(cell["source"])


def check_counts(executed):
    """What is counted is what is stored."""
    counted = [
        (texts(cell), texts(stored))
        for cell, stored in zip(executed, cells(NOTEBOOK), strict=True)
        if "counted" in stored["metadata"].get("tags", ())
    ]
    assert len(counted) == 2
    for shown, stored in counted:
        assert shown == stored


def check_packed_network(executed):
    """The packed network answers as it should."""
    # Training gives other weights on another processor; a tenth of the answers would be right by chance.
    size, share = re.fullmatch(r"([\d,]+) bytes, ([\d.]+)% of the test images\n", texts(executed[-1])[0]).groups()
    assert int(size.replace(",", "")) < 8 * 1024
    assert float(share) > 80


def test_nothing_of_a_machine_is_stored():
    stored = NOTEBOOK.read_text()
    for place in ("/home/", "site-packages", tempfile.gettempdir(), str(Path(sys.prefix).parent)):
        assert place not in stored
