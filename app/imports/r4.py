"""What every reader of a FHIR R4 resource needs, without a model of the resources.

Nothing here trusts a shape: `each` follows a path through whatever is there, and what a
resource does not say is not found.
"""

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from app.imports.results import Skipped

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
MOST_CHARACTERS = 200
_VALUE = re.compile(r"value[A-Z]")

Resource = Mapping[str, Any]
Find = Callable[[Any], Resource | None]
"""Gives the resource that a reference names, as read from where it stands."""


def each(value: Any, *path: str) -> list[Any]:
    """Give all that lies at a path, lists opened; nothing where the shape is another."""
    found = [value]
    for name in path:
        members = [one.get(name) for one in found if isinstance(one, dict)]
        found = [
            one
            for member in members
            for one in (member if isinstance(member, list) else [member])
            if one is not None
        ]
    return found


def text(value: Any, *path: str) -> str | None:
    """Give the first text at a path."""
    found = (one.strip() for one in each(value, *path) if isinstance(one, str))
    return next((one for one in found if one), None)


def contained(resource: Resource, reference: Any) -> Resource | None:
    """Give the resource inside this one that a reference such as `#med` names."""
    inside = each(resource, "contained")
    return next((one for one in inside if reference == f"#{text(one, 'id')}"), None)


def coding(value: Any) -> dict[str, str] | None:
    """Give a code of a system, with its display if it has one."""
    found = {name: text(value, name) for name in ("system", "code", "display")}
    said = {name: one for name, one in found.items() if one is not None}
    if "display" in said:
        said["display"] = said["display"][:MOST_CHARACTERS]
    return said if {"system", "code"} <= said.keys() else None


def is_number(value: Any) -> bool:
    """Say whether JSON had a number here, and one that a float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def codings(value: Any) -> list[dict[str, str]]:
    """Give the codes that say what a value is, LOINC's first."""
    found = [one for one in map(coding, each(value, "code", "coding")) if one]
    return sorted(found, key=lambda one: one["system"] != LOINC)


def number_of(value: Any, *, written: bool = False) -> float:
    """Give the number of a value; `written`: also one in a text, for a known total.

    Raises:
        Skipped: there is none, or a bound stands for it.
    """
    if each(value, "valueQuantity", "comparator"):
        raise Skipped("comparator", "a bound (<, >) is no number")
    found = each(value, "valueQuantity", "value") + each(value, "valueInteger")
    numbers = [float(one) for one in found if is_number(one)]
    if written and not numbers:
        numbers = [float(one) for one in each(value, "valueString") if _is_count(one)]
    if numbers:
        return numbers[0]
    if has_value(value):
        raise Skipped("not_a_number", "its value is no number")
    raise Skipped("no_value", "it has no value of its own")


def has_value(value: Resource) -> bool:
    """Say whether an observation or a component has a value, of whatever type."""
    return any(_VALUE.match(name) for name in value)


def _is_count(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9]{1,4}", value.strip()) is not None
