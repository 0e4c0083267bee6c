import sys

import pytest

from explorer.system.callables import load_callable
from explorer.system.errors import CallableError


@pytest.fixture(autouse=True)
def _restored_imports(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_function_of_a_file_is_loaded_with_its_neighbours(tmp_path):
    (tmp_path / "neighbour_of_mine.py").write_text("LIMIT = 7\n")
    (tmp_path / "given_by_user.py").write_text(
        "from dataclasses import dataclass\nfrom neighbour_of_mine import LIMIT\n\n"
        "@dataclass\nclass Point:\n    x: 'int'\n\ndef load():\n    return Point(LIMIT)\n"
    )
    assert load_callable(f"{tmp_path}/given_by_user.py:load")().x == 7


def test_a_module_of_the_working_folder_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "package_of_mine").mkdir()
    (tmp_path / "package_of_mine" / "part.py").write_text("def load():\n    return 'here'\n")
    monkeypatch.chdir(tmp_path)
    assert load_callable("package_of_mine.part:load")() == "here"


def test_a_file_never_replaces_an_imported_module(tmp_path):
    (tmp_path / "json.py").write_text("def load():\n    return 'mine'\n")
    import json

    assert load_callable(f"{tmp_path}/json.py:load")() == "mine"
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("digits", "file.py:name or package.module:name"),
        (":load", "file.py:name or package.module:name"),
        ("absent.py:load", "got absent.py; the file exists"),
        ("no_such_package.part:load", "got no_such_package.part; the module exists"),
        ("math:no_such_name", "choose one of: acos"),
        ("math:pi", "got float; math:pi is callable"),
    ],
)
def test_what_cannot_be_loaded_is_said(text, message):
    with pytest.raises(CallableError) as caught:
        load_callable(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def load(:", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import no_such_dependency", "No module named 'no_such_dependency'"),
    ],
)
@pytest.mark.parametrize("as_module", [False, True])
def test_an_import_that_raises_is_said_and_leaves_no_module(tmp_path, monkeypatch, source, message, as_module):
    (tmp_path / "raises_at_import.py").write_text(source + "\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CallableError, match=r"raises_at_import.* can be imported") as caught:
        load_callable("raises_at_import:load" if as_module else "raises_at_import.py:load")
    assert message in str(caught.value)
    assert "raises_at_import" not in sys.modules
