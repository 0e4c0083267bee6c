"""Text of others, such as the names in a network, as text that every terminal, table and spreadsheet takes."""

import unicodedata
from typing import Any

__all__ = ["csv_cell", "csv_text", "printable", "printable_data"]

_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode's categories of what is not drawn, or draws other characters elsewhere: controls, directions, line ends."""

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def printable(text: str) -> str:
    r"""The text with every control character written as its escape; other text is itself.

    >>> printable("a\x1b]0;own\x07b")
    'a\\x1b]0;own\\x07b'
    >>> printable("conv.1, é模")
    'conv.1, é模'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _INVISIBLE
        else character
        for character in text
    )


def printable_data(value: Any) -> Any:
    r"""Plain data with every text in them made printable, keys too.

    >>> printable_data({"layer\x1b": ["a\x07", 1]})
    {'layer\\x1b': ['a\\x07', 1]}
    """
    if isinstance(value, dict):
        return {printable(str(key)): printable_data(item) for key, item in value.items()}
    if isinstance(value, list):
        return [printable_data(item) for item in value]
    return printable(value) if isinstance(value, str) else value


def csv_cell(text: str) -> str:
    """Text as a cell that no spreadsheet takes for a formula; `csv_text` gives it back.

    A quote goes before what begins like a formula, and before such a quote itself.

    >>> csv_cell("=1+1"), csv_cell("conv1"), csv_cell("'=1")
    ("'=1+1", 'conv1', "''=1")
    """
    return f"'{text}" if text.lstrip("'").startswith(_FORMULAS) else text


def csv_text(cell: str) -> str:
    """The text of a cell that `csv_cell` wrote.

    >>> csv_text("'=1+1"), csv_text("'quoted'"), csv_text(csv_cell("'=1"))
    ('=1+1', "'quoted'", "'=1")
    """
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULAS) else cell
