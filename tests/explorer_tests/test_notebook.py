"""The notebook of the tutorial runs from its first cell to its last, and shows what is stored in it."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorial" / "notebook.ipynb"


def cells(path):
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def texts(cell):
    """What a cell shows, as text."""
    return ["".join(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in cell["outputs"]]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook's cells, executed in an empty folder."""
    path = tmp_path_factory.mktemp("notebook") / "notebook.ipynb"
    shutil.copy(NOTEBOOK, path)
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", path.name]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return cells(path)


def test_every_cell_shows_the_kinds_of_output_that_are_stored(executed):
    for cell, stored in zip(executed, cells(NOTEBOOK), strict=True):
        shown, expected = ([sorted(output.get("data", output)) for output in one["outputs"]] for one in (cell, stored))
        assert shown == expected, "".join(cell["source"])


def test_what_is_counted_is_what_is_stored(executed):
    counted = [
        (texts(cell), texts(stored))
        for cell, stored in zip(executed, cells(NOTEBOOK), strict=True)
        if "counted" in stored["metadata"].get("tags", ())
    ]
    assert len(counted) == 2
    for shown, stored in counted:
        assert shown == stored


def test_the_packed_network_answers_as_it_should(executed):
    # Training gives other weights on another processor; a tenth of the answers would be right by chance.
    size, share = re.fullmatch(r"([\d,]+) bytes, ([\d.]+)% of the test images\n", texts(executed[-1])[0]).groups()
    assert int(size.replace(",", "")) < 8 * 1024
    assert float(share) > 80


def test_nothing_of_a_machine_is_stored():
    stored = NOTEBOOK.read_text()
    for place in ("/home/", "site-packages", tempfile.gettempdir(), str(Path(sys.prefix).parent)):
        assert place not in stored
