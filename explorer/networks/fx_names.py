"""Module names that are no identifiers in the code that torch.fx writes for a graph."""

from keyword import iskeyword

from torch.fx import graph

__all__ = ["quote_names"]


def quote_names() -> None:
    """Lets torch.fx write names of modules as Python text, whatever is in them.

    It puts them between quotes as they are: a quote, a backslash or a line end in a name is a syntax error in the code
    of the graph, and so is a name that is a word of Python's. Where torch has no such function any more, it is left as
    it is.
    """
    if hasattr(graph, "_format_target"):
        graph._format_target = _format_target


def _format_target(base: str, target: str) -> str:
    """The expression for an attribute below another, ``target`` with dots between names."""
    for name in target.split("."):
        plain = name.isidentifier() and not iskeyword(name)
        base = f"{base}.{name}" if plain else f"getattr({base}, {name!r})"
    return base
