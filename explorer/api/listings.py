"""``filterfront.networks``, ``filterfront.devices`` and ``filterfront.schemes``: what can be named, as tables."""

from dataclasses import MISSING, asdict, fields
from typing import TYPE_CHECKING, Any

from costmodels import list_devices, load_device
from costmodels.references import REFERENCES
from costmodels.schemes import SCHEMES
from costmodels.text import ALIAS_REFERENCES, ALIASES
from explorer.networks.zoo import ZOO

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["device_rows", "devices", "network_rows", "networks", "scheme_rows", "schemes"]


def networks() -> "pd.DataFrame":
    """List the networks of the zoo, whose names `cost` and `search` take.

    Returns:
        One row for each network: name, builder, input shape, a summary and where it is described.

    Examples:
        >>> import filterfront as ff
        >>> list(ff.networks().name)[:2]
        ['digits-cnn', 'resnet20-cifar']
    """
    return _frame(network_rows())


def devices() -> "pd.DataFrame":
    """List the devices of the catalogue, whose names `search` takes; `load_device` gives one with its sources.

    Returns:
        One row for each device, sizes in bytes: what a linker may use, and what the default reserve for the runtime
        leaves (``flash_budget_bytes``, ``activation_budget_bytes``).

    Examples:
        >>> import filterfront as ff
        >>> table = ff.devices().set_index("name")
        >>> int(table.flash_usable_bytes["stm32l432"]) // 1024
        256
    """
    return _frame(device_rows())


def schemes() -> "pd.DataFrame":
    """List the compressed forms, with their parameters and defaults and where they come from.

    Returns:
        One row for each form: name, parameters, how it is written in text, a summary and its source.

    Examples:
        >>> import filterfront as ff
        >>> ff.schemes().written[0]
        'dense(weight_bits=8, scale=filter, scale_bits=32, zero_bits=0)'
    """
    return _frame(scheme_rows())


def _frame(rows: list[dict[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows)


def network_rows() -> list[dict[str, Any]]:
    """The networks of the zoo as plain data."""
    return [{**asdict(entry), "input": "x".join(map(str, entry.input_shape))} for entry in ZOO.values()]


def device_rows() -> list[dict[str, Any]]:
    """The devices of the catalogue as plain data, with what the default reserve leaves."""
    found = [load_device(name) for name in list_devices()]
    return [
        {
            **device.to_json(),
            "flash_budget_bytes": device.flash_budget_bytes(),
            "activation_budget_bytes": device.activation_budget_bytes(),
        }
        for device in found
    ]


def scheme_rows() -> list[dict[str, Any]]:
    """The compressed forms and the published special cases of them as plain data."""
    forms = [_form_row(name, kind) for name, kind in SCHEMES.items()]
    return forms + [_case_row(alias, name, fixed) for alias, (name, fixed) in ALIASES.items()]


def _form_row(name: str, kind: Any) -> dict[str, Any]:
    parameters = _parameters(kind)
    written = ", ".join(key if value is None else f"{key}={value}" for key, value in parameters.items())
    return {
        "name": name,
        "parameters": parameters,
        "written": f"{name}({written})",
        "summary": (kind.__doc__ or "").strip().splitlines()[0],
        "reference": kind.reference,
        "source": REFERENCES[kind.reference].short,
    }


def _case_row(alias: str, name: str, fixed: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": alias,
        "parameters": {key: value for key, value in _parameters(SCHEMES[name]).items() if key not in fixed},
        "written": f"{name}({', '.join(f'{key}={value}' for key, value in fixed.items())}, ...)",
        "summary": f"A case of {name}, with its other parameters.",
        "reference": ALIAS_REFERENCES[alias],
        "source": REFERENCES[ALIAS_REFERENCES[alias]].short,
    }


def _parameters(kind: Any) -> dict[str, Any]:
    """The parameters with their defaults; None where there is none."""
    return {item.name: None if item.default is MISSING else item.default for item in fields(kind)}
