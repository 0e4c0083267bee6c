"""Names of networks and layers reach the C text as plain identifiers, printable comments and escaped strings."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from explorer.deployment.device_code import c_text
from explorer.deployment.device_code.folder import c_folder
from explorer.deployment.device_code.reading import integer_network

HOSTILE = 'a"; */ int main(void){return 7;} /* \n#include "x" ??/\n\\ ??\' é\x00'


def test_a_hostile_name_ends_no_comment_and_no_string(packed, images, run_c):
    module = nn.Sequential()
    module.add_module(HOSTILE.replace(".", ""), nn.Conv2d(1, 2, 3))
    network = packed(module, images(4, 1, 5, 5))
    object.__setattr__(network, "name", HOSTILE)
    integer = integer_network(network)
    folder = c_folder(integer, HOSTILE, integer.levels_of([images(4, 1, 5, 5).numpy()]))
    assert run_c(folder.files) == (0, "4 of 4 test vectors are right")
    for name in ("model.c", "model.h"):
        text = folder.files[name].decode("ascii")
        assert "??" not in text
        assert (
            "return 7" not in re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).replace("MODEL_NAME", "").split('"a')[0]
        )


@given(st.text())
def test_identifiers_are_identifiers_and_differ(text):
    used = {"model_run"}
    first, second = c_text.identifier(text, used), c_text.identifier(text, used)
    assert first != second
    assert all(re.fullmatch(r"model_[a-z0-9_]*", name) for name in (first, second))
    assert not {first, second} & {"model_run"}


@given(st.text())
def test_comments_are_printable_and_stay_open(text):
    said = c_text.comment(text)
    assert re.fullmatch(r"[ -~]*", said)
    assert not re.search(r"[*/?\\]", said)


@given(st.text(max_size=40))
def test_strings_have_no_quote_no_trigraph_and_no_line_break(text):
    inner = c_text.string_literal(text)[1:-1]
    assert re.fullmatch(r"(?:[A-Za-z0-9 _.,:;=()\[\]+-]|\\[0-7]{3})*", inner)
    back = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), inner).encode("latin1")
    assert back == text.encode()[:200]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_are_read_back(value):
    assert float(torch.tensor(float(c_text.float_literal(value)[:-1]), dtype=torch.float32)) == value


@pytest.mark.parametrize("word", ["int", "for", "main", "float", "memory", "NULL", "model_run", "printf"])
def test_no_step_is_named_like_a_word_of_c(word):
    name = c_text.identifier(word, {"model_run"})
    assert re.fullmatch(r"model_[a-z0-9_]+", name)
    assert name != "model_run"
