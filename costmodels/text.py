"""Schemes in text: ``stacked-binary(segments=2, filters=1/4, scale=none)``.

A pattern holds for layers of any shape: ``segments`` (S) stands for ``segment_channels`` (s = c/g / S), and
``filters`` or ``templates`` may be a fraction of the layer's own filters, n/g, rounded with halves up and at least 1.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

from costmodels.errors import SchemeError, SchemeTypeError
from costmodels.numbers import nearest_divisors
from costmodels.schemes import SCHEMES, Scheme
from costmodels.shapes import ConvShape

__all__ = ["ALIASES", "ALIAS_REFERENCES", "AnyScheme", "SchemePattern", "as_pattern", "parse_scheme", "resolve_all"]

ALIASES: dict[str, tuple[str, dict[str, Any]]] = {
    "binary-weights": ("dense", {"weight_bits": 1}),
    "kernel-clustering": ("linear-representation", {"offset": False}),
    "learned-filter-basis": (
        "sparse-basis",
        {"basis_bits": 32, "density": 1.0, "coefficient_bits": 32, "coefficients": "dense"},
    ),
}
"""Published special cases by name: the scheme that they are a case of, and the parameters that make them so."""

ALIAS_REFERENCES = {
    "binary-weights": "rastegari2016xnor",
    "kernel-clustering": "son2018clustering",
    "learned-filter-basis": "li2019learning",
}
"""Where each special case was published: a key of `costmodels.references.REFERENCES`."""

_CALL = re.compile(r"\s*([a-z][a-z0-9-]*)\s*(?:\((.*)\))?\s*", re.DOTALL)
_ITEM = re.compile(r"\s*([a-z_]+)\s*=\s*([^,=\s]+)\s*")


@dataclass(frozen=True)
class SchemePattern:
    """A scheme by name, with parameters that may depend on the layer's shape.

    Args:
        name: a key of `SCHEMES`.
        parameters: values by parameter name; ``Fraction`` for fractions of n/g.
    """

    name: str
    parameters: Mapping[str, Any]

    def resolve(self, shape: ConvShape) -> Scheme:
        """The scheme for a layer.

        Raises:
            SchemeError: the layer cannot take it.
        """
        values = dict(self.parameters)
        segments = values.pop("segments", None)
        if segments is not None:
            if shape.group_inputs % segments:
                rule = "segments divide the input channels of a group"
                found = f"{segments} for {shape.group_inputs} channels"
                remedy = nearest_divisors(shape.group_inputs, segments)
                raise SchemeError(rule, found, remedy, where=self.name)
            values["segment_channels"] = shape.group_inputs // segments
        for name in ("filters", "templates"):
            if isinstance(values.get(name), Fraction):
                values[name] = max(1, int(values[name] * shape.group_outputs + Fraction(1, 2)))
        scheme = SCHEMES[self.name](**values)
        scheme.check(shape)
        return scheme

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value}' for key, value in self.parameters.items())})"


def parse_scheme(text: str) -> SchemePattern:
    """Reads a scheme in text.

    >>> str(parse_scheme("stacked-binary(segments=2, filters=1/4)").resolve(ConvShape(64, 32, (3, 3), (8, 8))))
    'stacked-binary(segment_channels=16, filters=16, scale=none, selection=packed)'

    Raises:
        SchemeTypeError: it is no text.
        SchemeError: unknown name or parameter, a value that cannot be read, a value no layer can have, or a missing
            one.
    """
    if not isinstance(text, str):
        remedy = "give for example 'dense(weight_bits=4)'"
        raise SchemeTypeError("a scheme is read from text", type(text).__name__, remedy)
    match = _CALL.fullmatch(text)
    if match is None:
        raise SchemeError("a scheme is written name(parameter=value, ...)", text, "see filterfront schemes")
    name, fixed = ALIASES.get(match[1], (match[1], {}))
    if name not in SCHEMES:
        choices = [*SCHEMES, *ALIASES]
        close = difflib.get_close_matches(name, choices, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(choices)}"
        raise SchemeError("a scheme has a known name", name, remedy)
    given = _parse_values(match[1], match[2] or "")
    for key in fixed.keys() & given.keys():
        if given[key] != fixed[key]:
            raise SchemeError(f"{match[1]} has {key}={fixed[key]}", f"{key}={given[key]}", f"write {name}(...)")
    values = {**fixed, **given}
    _check_values(name, values)
    return SchemePattern(name, values)


AnyScheme = Scheme | SchemePattern | str
"""What is accepted wherever a scheme is: the scheme itself, or one in text, read or not."""


def as_pattern(scheme: AnyScheme) -> Scheme | SchemePattern:
    """A scheme, or its pattern where it is given in text; both have a method ``resolve``.

    >>> as_pattern("dense(weight_bits=4)")
    SchemePattern(name='dense', parameters={'weight_bits': 4})

    Args:
        scheme: a scheme, a pattern, or text as `parse_scheme` reads it.

    Raises:
        SchemeTypeError: it is something else.
        SchemeError: the text cannot be read.
    """
    if isinstance(scheme, str):
        return parse_scheme(scheme)
    if isinstance(scheme, (Scheme, SchemePattern)):
        return scheme
    given = scheme.__name__ if isinstance(scheme, type) else type(scheme).__name__
    rule = "a scheme is one of costmodels' or text"
    raise SchemeTypeError(rule, given, "give for example Dense(weight_bits=4) or 'dense(weight_bits=4)'")


def _parse_values(name: str, text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in text.split(",") if text.strip() else []:
        match = _ITEM.fullmatch(item)
        if match is None:
            rule = "parameters are written name=value"
            raise SchemeError(rule, item.strip(), "separate them with commas", where=name)
        if match[1] in values:
            raise SchemeError("a parameter is given once", match[1], "remove one", where=name)
        values[match[1]] = _parse_value(match[2])
    return values


def _parse_value(text: str) -> int | float | bool | str | Fraction:
    if text in ("True", "true", "False", "false"):
        return text in ("True", "true")
    if re.fullmatch(r"[0-9]{1,18}/[0-9]{1,18}", text) and not re.search(r"/0+$", text):
        return Fraction(text)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _check_values(name: str, values: Mapping[str, Any]) -> None:
    """Refuses parameters that the scheme lacks, and values that no shape can make right."""
    kind = SCHEMES[name]
    known = {item.name for item in fields(kind)}
    offered = known | ({"segments"} if "segment_channels" in known else set())
    for key in values:
        if key not in offered:
            raise SchemeError(f"{name} has no such parameter", key, f"choose of {', '.join(sorted(offered))}")
    for key, value in values.items():
        if isinstance(value, Fraction) and (key not in ("filters", "templates") or not 0 < value <= 1):
            rule = "a fraction in (0, 1] is allowed for filters and templates"
            raise SchemeError(rule, f"{key}={value}", "use a number", where=name)
    if "segments" in values and "segment_channels" in values:
        raise SchemeError("give segments or segment_channels", "both", "remove one", where=name)
    segments = values.get("segments", 1)
    if not isinstance(segments, int) or isinstance(segments, bool) or segments < 1:
        raise SchemeError("segments is an integer of at least 1", segments, "choose segments >= 1", where=name)
    needed = [key for key in ("segment_channels", "filters") if key in known]
    missing = [key for key in needed if key not in values and not (key == "segment_channels" and "segments" in values)]
    if missing:
        example = "segments=2, filters=1/4" if "segment_channels" in known else "filters=1/4"
        raise SchemeError(f"{name} needs {' and '.join(missing)}", None, f"write for example {name}({example})")
    probe = {key: 1 if isinstance(value, Fraction) else value for key, value in values.items() if key != "segments"}
    kind(**({"segment_channels": 1, **probe} if "segment_channels" in known else probe))


def resolve_all(
    pattern: Scheme | SchemePattern, shapes: Mapping[str, ConvShape], keep: frozenset[str], kept: Scheme
) -> tuple[dict[str, Scheme], dict[str, str]]:
    """The scheme for every layer, and why the layers that stay ``kept`` do.

    Args:
        pattern: what the layers become.
        shapes: the layers by name.
        keep: names of layers that stay as they are.
        kept: the scheme of layers in ``keep``, and of those that cannot take the pattern.

    Returns:
        The schemes by layer name, and for each layer that stays ``kept`` the reason.

    Raises:
        SchemeError: no layer outside ``keep`` can take the pattern; the message gives the first layer's reason.
    """
    schemes: dict[str, Scheme] = {}
    reasons: dict[str, str] = {}
    first_error = None
    for name, shape in shapes.items():
        schemes[name] = kept
        if name in keep:
            reasons[name] = "asked for by --keep"
            continue
        try:
            schemes[name] = pattern.resolve(shape)
        except SchemeError as error:
            first_error = first_error or error
            reasons[name] = str(error)
    if first_error is not None and len(reasons) == len(shapes):
        raise SchemeError(f"no layer can take {pattern}. First reason: {first_error}")
    return schemes, reasons
