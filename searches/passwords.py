"""Passwords of databases, kept out of everything that is said or written: messages, run.json, the recorded command.

An address that is known as one is taken apart, so that blanks, quotes, colons and at signs in a password do not end it.
What was found to be secret in it is remembered, and taken out of whatever text comes later: drivers repeat parts of an
address in their own words.
"""

import re
from urllib.parse import quote, unquote, unquote_plus

__all__ = ["keep_secret", "masked", "without_password"]

MASK = "***"
SHORTEST = 3
"""Of the pieces that a driver may take a password with special characters apart into; shorter ones say nothing."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,40}:/{1,2}[^\s'\"]+")
_SECRET_KEY = re.compile(r"pass|pwd|secret|token|credential|auth|key", re.IGNORECASE)
_known: set[str] = set()


def masked(url: str) -> str:
    """A database's address without its passwords: that before the host and those among the parameters.

    Everything up to the last at sign is taken for user and password, as a password that is not percent-encoded may hold
    anything.

    >>> masked("postgresql://me@corp:se@cret, :/?@host/name?sslpassword=again&x=1")
    'postgresql://me@corp:***@host/name?sslpassword=***&x=1'
    """
    scheme, user, password, host, query = _parts(url)
    shown = [_masked_parameter(item) for item in query.split("&")] if query else []
    at = f"{user}{f':{MASK}' if password is not None else ''}@" if user is not None else ""
    return f"{scheme}{at}{host}{'?' if query else ''}{'&'.join(shown)}"


def keep_secret(url: str) -> None:
    """Remembers the passwords of a database's address, so that `without_password` finds them in any text."""
    _, _, password, _, query = _parts(url)
    found = [] if password is None else [password]
    found += [value for item in query.split("&") for key, _, value in [item.partition("=")] if _is_secret(key)]
    for secret in found:
        forms = {secret, unquote(secret), unquote_plus(secret), quote(unquote(secret), safe=""), repr(secret)[1:-1]}
        pieces = {piece for form in forms for piece in re.split(r"[@:/?#&=\s]", form) if len(piece) >= SHORTEST}
        _known.update({form for form in forms if form.strip()} | pieces)


def without_password(text: str) -> str:
    """The text without the passwords of the addresses in it, and without those that are to be kept secret.

    >>> without_password("sqlite:///a.db and postgresql://me:secret@host/name")
    'sqlite:///a.db and postgresql://me:***@host/name'
    """
    for secret in sorted(_known, key=len, reverse=True):
        before, after = (r"(?<!\w)" if secret[0].isalnum() else ""), (r"(?!\w)" if secret[-1].isalnum() else "")
        text = re.sub(f"{before}{re.escape(secret)}{after}", MASK, text)
    return _URL.sub(lambda match: masked(match[0]), text)


def _parts(url: str) -> tuple[str, str | None, str | None, str, str]:
    """(scheme with its slashes, user, password, host and the rest, parameters); None for what is not there."""
    match = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/{1,2}", url)
    scheme = match[0] if match else ""
    before, at, after = url[len(scheme) :].rpartition("@")
    user, colon, password = before.partition(":")
    host, _, query = after.partition("?")
    return scheme, user if at else None, password if colon and at else None, host, query


def _is_secret(key: str) -> bool:
    return bool(_SECRET_KEY.search(unquote_plus(key)))


def _masked_parameter(item: str) -> str:
    key, equals, value = item.partition("=")
    return f"{key}={MASK}" if equals and value and _is_secret(key) else item
