"""Files that somebody else may have made: plain files of a bounded size, JSON and TOML that are not too deep."""

import os

import pytest

from costmodels.file_content import check_plain_file, file_content
from costmodels.plain_data import json_data, toml_data


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "Is a pipe or a device"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.symlink_to("/dev/zero"), "Is a pipe or a device"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (
            lambda path: os.truncate(path, 2**40) if path.touch() is None else None,
            "Has 1,099,511,627,776 bytes, where 9 ",
        ),
        (lambda path: None, "No such file"),
    ],
)
def test_what_is_no_plain_file_is_refused_at_once(tmp_path, make, said):
    path = tmp_path / "file"
    make(path)
    for read in (file_content, check_plain_file):
        with pytest.raises(OSError, match=said) as caught:
            read(path, 9)
        assert str(path) == caught.value.filename


def test_a_file_is_read_whole_or_from_a_byte_on(tmp_path):
    (tmp_path / "file").write_bytes(b"123456789")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    check_plain_file(tmp_path / "link", 9)
    assert file_content(tmp_path / "link", 9) == b"123456789"
    assert file_content(tmp_path / "link", 9, 4) == b"56789"


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, str(2**63), "-" + "9" * 20, "\ud800", "{", ""]
)
def test_json_of_strangers_is_refused_with_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        json_data(text.encode("utf-8", "surrogatepass"))


def test_json_has_whole_numbers_of_63_bits():
    assert json_data(f"[{2**63 - 1}, {1 - 2**63}, 1e400]") == [2**63 - 1, 1 - 2**63, float("inf")]


@pytest.mark.parametrize(
    "text",
    [
        ".".join("a" * 100) + " = 1",
        f"[{' . '.join(['a'] * 60)}]",
        ".".join(['"a b"'] * 60) + " = 1",
        ".".join(["'a.b'"] * 60) + " = 1",
        f"x = {{ {'.'.join('a' * 60)} = 1 }}",
        "a = " + "[" * 100_000,
        "a = 1\na = 2",
        "\ud800",
    ],
)
def test_toml_of_strangers_is_refused_with_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        toml_data(text.encode("utf-8", "surrogatepass"))


def test_dots_in_texts_comments_and_numbers_are_no_depth():
    numbers = ", ".join(["0.5"] * 200)
    found = toml_data(f"# {'.' * 200}\na = [{numbers}]\nb = '{'. ' * 100}'\n[c.d]\ne = 1\n".encode())
    assert len(found["a"]) == 200
    assert found["c"] == {"d": {"e": 1}}
