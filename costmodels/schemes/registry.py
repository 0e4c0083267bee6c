"""The registry of the compressed forms: what a form leaves out is refused when it is made."""

from collections.abc import Iterable
from dataclasses import is_dataclass

from costmodels.errors import SchemeError
from costmodels.references import REFERENCES
from costmodels.schemes.base import DIRECT, Scheme

__all__ = ["scheme_registry"]

CLASS_MEMBERS = ("name", "reference", "grid", "in_default_grid")


def scheme_registry(kinds: Iterable[type[Scheme]]) -> dict[str, type[Scheme]]:
    """The forms by the names that they have in text.

    Args:
        kinds: the forms, each with every member of `Scheme`.

    Raises:
        SchemeError: a form leaves something out, two have one name, or a reference is not listed.
    """
    found: dict[str, type[Scheme]] = {}
    for kind in kinds:
        missing = sorted(getattr(kind, "__abstractmethods__", ()))
        missing += [name for name in CLASS_MEMBERS if not hasattr(kind, name)]
        if missing or not is_dataclass(kind):
            found_out = f"{kind.__name__} lacks {', '.join(missing) or 'its dataclass'}"
            remedy = f"add what is missing in {kind.__module__}"
            raise SchemeError("a compressed form is a dataclass with every member of Scheme", found_out, remedy)
        if kind.name in found:
            raise SchemeError("a compressed form has a name of its own", kind.name, f"rename {kind.__name__}")
        if kind.reference not in REFERENCES:
            remedy = "list it in costmodels/references.py"
            raise SchemeError(f"the reference of {kind.name} is listed", kind.reference, remedy)
        if DIRECT not in kind.method_names:
            names = ", ".join(kind.method_names) or "none"
            raise SchemeError(f"every form runs as {DIRECT}", f"{kind.name} runs as {names}", "add the method")
        found[kind.name] = kind
    return found
