"""Passwords stay unsaid whatever characters they have, in addresses, parameters and a driver's own words."""

import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searches import passwords
from searches.passwords import keep_secret, masked, without_password


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(passwords, "_known", set())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host/name", "postgresql://me:***@host/name"),
        ("postgresql://me@corp:secret@host/name", "postgresql://me@corp:***@host/name"),
        ("postgresql://me:a b@host/name", "postgresql://me:***@host/name"),
        ("postgresql+psycopg://me:a/b?c#d@e:f@[::1]:5432/name", "postgresql+psycopg://me:***@[::1]:5432/name"),
        ("mysql://host/name?user=me&passwd=secret", "mysql://host/name?user=me&passwd=***"),
        ("mysql://host/name?pass=secret&x=1", "mysql://host/name?pass=***&x=1"),
        ("mysql://host/name?p%61ssword=secret", "mysql://host/name?p%61ssword=***"),
        ("mysql://host/name?PWD=secret&ssl_key=k&auth_token=t", "mysql://host/name?PWD=***&ssl_key=***&auth_token=***"),
        ("mysql://me:one@host/name?password=two", "mysql://me:***@host/name?password=***"),
        ("postgresql:/me:secret@host/name", "postgresql:/me:***@host/name"),  # a slash is missing
        ("postgresql://me@host/name", "postgresql://me@host/name"),
        ("sqlite:///folder/study.db?timeout=20", "sqlite:///folder/study.db?timeout=20"),
        ("postgresql://host:5432/name", "postgresql://host:5432/name"),
    ],
)
def test_an_address_is_shown_without_its_passwords(url, shown):
    assert masked(url) == shown


@given(
    st.text(string.ascii_letters + string.digits + " @:/?#&%+'\"\\é模", min_size=8, max_size=20)
    .filter(lambda text: text == text.strip() and len(text.strip("*&?")) >= 8)
)  # fmt: skip
def test_no_character_lets_a_password_out(password):
    for url in (f"postgresql://me:{password}@host/n", f"postgresql://me:{quote(password, safe='')}@host/n"):
        assert masked(url) == "postgresql://me:***@host/n"
        passwords._known.clear()
        keep_secret(url)
        for said in (url, f"cannot reach {password!r} as me", f"({password})"):
            assert password not in without_password(said)


def test_what_a_driver_says_of_a_password_that_it_took_apart(nothing_known):
    keep_secret("postgresql://me:hunter@2secret@host/name")  # read as the host 2secret@host
    assert without_password('could not translate host name "2secret@host"') == (
        'could not translate host name "***@host"'
    )
    assert without_password("password hunter is wrong for me at host") == "password *** is wrong for me at host"


def test_words_that_hold_a_password_by_chance_stay():
    keep_secret("postgresql://postgres:postgres@host/name")
    assert without_password("see postgresql") == "see postgresql"
    assert without_password("user postgres") == "user ***"
