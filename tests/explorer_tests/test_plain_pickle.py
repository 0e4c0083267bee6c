"""Pickles that are read, and pickles that must not be: nothing in a file is ever run."""

import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from explorer.data.plain_pickle import PlainPickleError, load_plain

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=12,
)


@given(PLAIN)
@settings(max_examples=60, deadline=None)
def test_plain_values_come_back_as_they_were(value):
    assert load_plain(pickle.dumps(value, protocol=3)) == value


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int64, np.float32, ">u2", np.bool_]), hnp.array_shapes(max_dims=3, max_side=4)
    ),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_arrays_of_numbers_come_back_as_they_were(array, fortran):
    array = np.asfortranarray(array) if fortran else array
    found = load_plain(pickle.dumps({"a": [array]}, protocol=2))["a"][0]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_text_of_python_2_becomes_bytes():
    """PROTO 2, MARK and a list of SHORT_BINSTRING "ab" and BINSTRING "\\xff"."""
    assert load_plain(b"\x80\x02]" + b"(" + b"U\x02ab" + b"T\x01\x00\x00\x00\xff" + b"e.") == [b"ab", b"\xff"]


class Calls:
    """A pickle of it calls a function when it is loaded in the ordinary way."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def evil_files(marker):
    """Pickles that make or would make the file ``marker``, or reach for what may not be reached."""
    touch = f"touch {marker}"
    text = struct.pack("<I", len(touch)) + touch.encode()
    return {
        "a system call": pickle.dumps({"data": Calls(os.system, touch)}, protocol=2),
        "the same by protocol 4": pickle.dumps(Calls(os.system, touch), protocol=4),
        "eval": pickle.dumps([Calls(eval, f"open({str(marker)!r}, 'w')")]),
        "getattr": pickle.dumps(Calls(getattr, "", "join"), protocol=2),
        "an attribute of an array": b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.dump\x93.",
        "numpy's loader": b"cnumpy\nload\n(S'a.npy'\ntR.",
        "a module of the right name": b"cnumpy.core.multiarray\nfromfile\n(S'/etc/passwd'\ntR.",
        "INST": b"(X" + text + b"ios\nsystem\n.",
        "OBJ": b"(cos\nsystem\nX" + text + b"o.",
        "NEWOBJ": b"\x80\x02cbuiltins\nobject\n)\x81.",
        "EXT1": b"\x80\x02\x82\x01.",
        "PERSID": b"Pelsewhere\n.",
        "a change to a stand-in": b"cnumpy\ndtype\n}S'__doc__'\nS'x'\nsb.",
        "an array of objects": pickle.dumps(np.array([None, {}], dtype=object), protocol=2),
        "an array of text": pickle.dumps(np.array(["a"]), protocol=2),
        "a codec": b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00hextR.",
    }


@pytest.mark.parametrize("name", evil_files("x"))
def test_a_hostile_file_is_refused_and_runs_nothing(name, tmp_path):
    content = evil_files(tmp_path / "touched")[name]
    with pytest.raises(PlainPickleError):
        load_plain(content)
    assert not list(tmp_path.iterdir())


def test_the_hostile_files_would_harm_an_ordinary_reader(tmp_path):
    """The test above is worth something only if such a file does run what it names."""
    pickle.loads(evil_files(tmp_path / "touched")["a system call"])  # noqa: S301
    assert (tmp_path / "touched").exists()


def test_a_place_beyond_the_files_size_is_refused():
    """LONG_BINPUT at 2^31: the standard reader would set aside sixteen times as many bytes for it."""
    with pytest.raises(PlainPickleError, match="the place 2,147,483,648 in the memory of a file of 9 bytes"):
        load_plain(b"\x80\x02]r" + struct.pack("<I", 2**31) + b".")


def test_an_array_whose_bytes_are_not_its_shapes_is_refused():
    whole = pickle.dumps(np.zeros((3, 5), np.uint8), protocol=2)
    assert whole.count(b"K\x03K\x05") == 1
    with pytest.raises(PlainPickleError, match=r"an array of the shape \(3, 6\) in 15 bytes"):
        load_plain(whole.replace(b"K\x03K\x05", b"K\x03K\x06"))


@given(st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_damage_is_refused_or_gives_plain_values(position, byte):
    whole = pickle.dumps({b"data": np.arange(60, dtype=np.uint8).reshape(3, 20), b"labels": [1, 2, 3]}, protocol=2)
    cut = whole[: position % len(whole)]
    with pytest.raises(PlainPickleError):
        load_plain(cut)
    changed = bytearray(whole)
    changed[position % len(whole)] = byte
    try:
        found = load_plain(bytes(changed))
    except PlainPickleError:
        return
    assert isinstance(found, dict | list | tuple | bytes | str | int | float | np.ndarray | None)
