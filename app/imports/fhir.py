"""Reads FHIR R4 resources as they come, without a model of them: one function a resource.

Nothing here trusts a shape: `each` follows a path through whatever is there, and what a
resource does not say is not found. Codes and values are those of http://hl7.org/fhir/R4.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from app.clinical import measures as house
from app.clinical.medications import RXNORM
from app.clinical.units import plain
from app.imports import labs
from app.imports.facts import (
    Dose,
    Fact,
    Fill,
    Order,
    Subject,
    Value,
    When,
    Withdrawal,
    dose_of,
    measure_of,
    moment_of,
)
from app.imports.questionnaires import (
    NONE,
    Own,
    item,
    of_measure,
    panel,
    panel_of,
    response,
    total_of,
)
from app.imports.r4 import (
    LOINC,
    UCUM,
    Find,
    Resource,
    coding,
    codings,
    contained,
    each,
    is_number,
    number_of,
    text,
)
from app.imports.results import Skipped

NO_NAME = "(no name)"
"""Stands where the source names nobody: the record wants a name, and invents none."""
LANGUAGE = re.compile("[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
ZONE = "http://hl7.org/fhir/StructureDefinition/timezone"
TIMES_A_DAY = {
    "QD": "1", "AM": "1", "PM": "1", "BID": "2", "TID": "3", "QID": "4", "QOD": "0.5",
}  # fmt: skip
"""http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"""
DAYS = {"d": 1, "wk": 7}
DRUG_FORM = "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm"
FORMS = {
    "TAB": "{tablet}", "CAP": "{capsule}", "PATCH": "{patch}", "DROP": "[drp]", "PUFF": "{puff}",
}  # fmt: skip
MOST_A_DAY = 1000
MOST_COMPONENTS = 50
"""Of an observation that is taken back, and need not say any more which components it had."""


def facts_of(
    key: str, type_: str, resource: Resource, find: Find, own: Own = NONE
) -> tuple[Fact, ...]:
    """Give the facts of a resource.

    key: what makes the ids of its records. own: the clinic's own questionnaires.

    Raises:
        Skipped: there is no fact in it that is kept.
    """
    if (taken_back := _withdrawal(key, type_, resource)) is not None:
        return (taken_back,)
    if type_ == "MedicationRequest":
        return (medication_request(key, resource, find),)
    if type_ == "MedicationStatement":
        return (medication_statement(key, resource, find),)
    if type_ == "MedicationDispense":
        return (medication_dispense(key, resource, find),)
    if type_ == "QuestionnaireResponse":
        return (response(key, resource, own),)
    return tuple(observation(key, resource, find, own))


def _withdrawal(key: str, type_: str, resource: Resource) -> Withdrawal | None:
    """Say that a resource was entered in error, or is an order that nobody carried out."""
    status = text(resource, "status")
    if status == "entered-in-error":
        code, words = "entered_in_error", "was entered in error"
    elif status == "cancelled" and type_ == "MedicationRequest":
        code, words = _NOT_TAKEN[status]
    else:
        return None
    parts = range(MOST_COMPONENTS) if type_ == "Observation" else ()
    keys = (key, *(f"{key}#{place}" for place in parts))
    return Withdrawal(keys, type_.startswith("Medication"), code, words)


def digest(resource: Resource) -> str:
    """Name a resource that has no id by all that it says."""
    return orjson.dumps(resource, option=orjson.OPT_SORT_KEYS).decode()


# ---- Patient


def patient(resource: Resource) -> Subject:
    """Read a person: the identifiers as sent, and what a new record needs.

    Raises:
        Skipped: there is no identifier with a system, so that nobody could be found again.
    """
    identifiers = identifiers_of(each(resource, "identifier"))
    if not identifiers:
        raise Skipped("identifier_missing", "no identifier with a system and a value")
    return Subject(identifiers, person(resource, identifiers[0][1]))


def person(resource: Resource, family: str) -> dict[str, Any]:
    """Give what a new record of a person needs beside the identifiers.

    family: stands where the source says no name.
    """
    names = each(resource, "name")
    name = next((one for one in names if text(one, "use") == "official"), names[0] if names else {})
    given = " ".join(one for one in each(name, "given") if isinstance(one, str)).strip()
    born, sex = text(resource, "birthDate"), text(resource, "gender")
    language = text(resource, "communication", "language", "coding", "code")
    zone = next(
        (text(one, "valueCode") for one in each(resource, "extension") if text(one, "url") == ZONE),
        None,
    )
    body = {
        "name": {
            "given": given or NO_NAME,
            "family": text(name, "family") or text(name, "text") or family,
        },
        "birth_date": born if born and len(born) == len("1991-04-17") else None,
        "sex": sex if sex in {"female", "male", "other"} else None,
        "language": language if language and LANGUAGE.fullmatch(language) else None,
        "time_zone": zone,
    }
    return {name: one for name, one in body.items() if one is not None}


def identifiers_of(found: list[Any]) -> tuple[tuple[str, str], ...]:
    pairs = ((text(one, "system"), text(one, "value")) for one in found)
    return tuple(dict.fromkeys((system, value) for system, value in pairs if system and value))


# ---- MedicationRequest

_NOT_TAKEN = {
    "entered-in-error": ("entered_in_error", "was entered in error"),
    "cancelled": ("not_carried_out", "was cancelled before it began"),
    "draft": ("not_carried_out", "is a draft"),
    "unknown": ("status_unknown", "nobody knows whether it holds"),
}
_PROPOSALS = frozenset({"proposal", "plan", "option"})


def medication_request(key: str, resource: Resource, find: Find) -> Order:
    """Read a request; a product's code stays as it is.

    Raises:
        Skipped: it is no order that was carried out, or names no medicine or day.
    """
    status = text(resource, "status") or "unknown"
    if status in _NOT_TAKEN:
        raise Skipped(*_NOT_TAKEN[status])
    if text(resource, "intent") in _PROPOSALS:
        raise Skipped("not_an_order", "it proposes a medicine and orders none")
    if True in each(resource, "doNotPerform"):
        raise Skipped("not_an_order", "it says not to give the medicine")
    code, name = medicine(resource, find)
    instructions = each(resource, "dosageInstruction")
    dose, unconfirmed = _dose(instructions)
    ends = text({"of": instructions}, "of", "timing", "repeat", "boundsPeriod", "end")
    ends = ends or text(resource, "dispenseRequest", "validityPeriod", "end")
    return Order(
        key=key,
        code=code,
        text=name,
        at=moment_of(text(resource, "authoredOn"), "authoredOn"),
        dose=dose,
        unconfirmed=unconfirmed,
        times_per_day=_times_per_day(instructions[0]) if dose else None,
        as_needed=any(_as_needed(one) for one in instructions),
        ended=status != "active",
        ends=_end(ends),
    )


_SAID_NOT_TAKEN = {
    "entered-in-error": ("entered_in_error", "was entered in error"),
    "intended": ("not_an_order", "is only intended"),
    "not-taken": ("not_taken", "says that the medicine was not taken"),
    "on-hold": ("on_hold", "is on hold since a day that it does not say"),
    "unknown": ("status_unknown", "nobody knows whether it holds"),
}


def medication_statement(key: str, resource: Resource, find: Find) -> Order:
    """Read what somebody says is taken, from the day on which it began.

    Raises:
        Skipped: it is not taken, or names no medicine or no day of its beginning.
    """
    status = text(resource, "status") or "unknown"
    if status in _SAID_NOT_TAKEN:
        raise Skipped(*_SAID_NOT_TAKEN[status])
    code, name = medicine(resource, find)
    instructions = each(resource, "dosage")
    dose, unconfirmed = _dose(instructions)
    begun = text(resource, "effectiveDateTime") or text(resource, "effectivePeriod", "start")
    return Order(
        key=key,
        code=code,
        text=name,
        at=moment_of(begun, "effective"),
        dose=dose,
        unconfirmed=unconfirmed,
        times_per_day=_times_per_day(instructions[0]) if dose else None,
        as_needed=any(_as_needed(one) for one in instructions),
        ended=status != "active",
        ends=_end(text(resource, "effectivePeriod", "end")),
    )


def medicine(resource: Resource, find: Find) -> tuple[dict[str, str] | None, str | None]:
    """Give the coding that names the medicine, RxNorm's first, else its text.

    Raises:
        Skipped: it names none.
    """
    concepts = each(resource, "medicationCodeableConcept")
    reference = text(resource, "medicationReference", "reference")
    if reference is not None:
        concepts += each(contained(resource, reference) or find(reference), "code")
    name = text({"of": concepts}, "of", "text") or text(resource, "medicationReference", "display")
    known = [one for one in map(coding, each({"of": concepts}, "of", "coding")) if one]
    if not known and name is None:
        raise Skipped("medication_missing", "it names no medicine")
    best = next((one for one in known if one["system"] == RXNORM), known[0] if known else None)
    if best is not None and name is not None:
        best.setdefault("display", name)
    return best, name


def _dose(instructions: list[Any]) -> tuple[Dose | None, tuple[str, ...]]:
    """Read the dose where one instruction says it in one quantity with a unit."""
    quantities = each({"of": instructions}, "of", "doseAndRate", "doseQuantity")
    spread = each({"of": instructions}, "of", "doseAndRate", "doseRange")
    if spread or len(quantities) > 1 or (quantities and len(instructions) > 1):
        return None, ("dosage-in-parts",)
    if not quantities:
        return None, ()
    return _quantity(quantities[0])


def _quantity(quantity: Any) -> tuple[Dose | None, tuple[str, ...]]:
    """Read an amount with its unit, or say by a code why it is not known."""
    values = [one for one in each(quantity, "value") if is_number(one)]
    if not values:
        return None, ("amount-not-accepted",)
    system, code = text(quantity, "system"), text(quantity, "code")
    unit = code if system == UCUM else FORMS.get(code or "") if system == DRUG_FORM else None
    return dose_of(f"{Decimal(repr(values[0])):f}", unit or text(quantity, "unit"))


def _times_per_day(instruction: Any) -> str | None:
    """Give how often a day, where that is a plain number; nothing is rounded."""
    repeats = each(instruction, "timing", "repeat")
    if not repeats:
        return TIMES_A_DAY.get(text(instruction, "timing", "code", "coding", "code") or "")
    repeat = repeats[0]
    frequency = next(iter(each(repeat, "frequency")), 1)
    period = next(iter(each(repeat, "period")), None)
    unit = text(repeat, "periodUnit") or ""
    if each(repeat, "frequencyMax") or each(repeat, "periodMax") or not is_number(frequency):
        return None
    if period is None or not is_number(period) or period <= 0 or frequency <= 0:
        return None
    count, length = Decimal(repr(frequency)), Decimal(repr(period))
    if unit == "h":
        times = 24 * count / length
    elif unit in DAYS:
        times = count / (length * DAYS[unit])
    else:
        return None
    is_plain = times < MOST_A_DAY and times == times.quantize(Decimal("0.0001"))
    return str(plain(times)) if is_plain else None


def _as_needed(instruction: Any) -> bool:
    return True in each(instruction, "asNeededBoolean") or bool(
        each(instruction, "asNeededCodeableConcept")
    )


def _end(found: str | None) -> When | None:
    """Read an end; one that is not a whole day is an end on an unknown day."""
    try:
        return moment_of(found, "end")
    except Skipped:
        return None


# ---- MedicationDispense


def medication_dispense(key: str, resource: Resource, find: Find) -> Fill:
    """Read what was handed out, on the day on which it was.

    Raises:
        Skipped: it was not handed out, or names no medicine or no day.
    """
    status = text(resource, "status") or "unknown"
    if status == "entered-in-error":
        raise Skipped("entered_in_error", "was entered in error")
    if status != "completed":
        raise Skipped("not_handed_out", "is not said to be handed out")
    code, name = medicine(resource, find)
    quantities = each(resource, "quantity")
    quantity, unconfirmed = _quantity(quantities[0]) if quantities else (None, ())
    days = each(resource, "daysSupply")
    return Fill(
        key=key,
        code=code,
        text=name,
        at=moment_of(text(resource, "whenHandedOver"), "whenHandedOver"),
        quantity=quantity,
        unconfirmed=unconfirmed,
        days_supply=_whole_days(days[0]) if days else None,
    )


def _whole_days(quantity: Any) -> int | None:
    values = [one for one in each(quantity, "value") if is_number(one) and one == int(one)]
    unit = text(quantity, "code") or text(quantity, "unit")
    return int(values[0]) if values and unit in {"d", "day", "days"} else None


# ---- Observation

_FINAL = frozenset({"final", "amended", "corrected"})


def observation(key: str, resource: Resource, find: Find, own: Own = NONE) -> list[Value]:
    """Read one observation: a questionnaire's total, panel or single item, or a number.

    LOINC codes that a monitoring schedule asks for are results of `/labs` where the unit fits.
    Those of other laboratory results and vital signs are followed as `labs.<code>`, others as
    `loinc.<code>`, those of another system as `<last part of its address>.<code>`, which may
    name a total or an item of the clinic's own. Each component with a number is a value of its
    own.

    Raises:
        Skipped: it is not final, has no day, no code, or no number that stands for itself.
    """
    _require_final(resource)
    at = _effective(resource)
    if (known := panel_of(resource)) is not None:
        return [panel(known, key, at, resource, find)]
    if (known := total_of(resource)) is not None:
        body = {"instrument": known.id, "total": number_of(resource, written=True)}
        return [Value("assessment", key, at, body)]
    if (answer := item(key, at, resource)) is not None:
        return [answer]
    components = each(resource, "component")
    if not components:
        return [_observed(key, at, resource, resource, own)]
    numbers = [one for one in components if each(one, "valueQuantity") or each(one, "valueInteger")]
    if not numbers:
        raise Skipped("not_a_number", "none of its components is a number")
    return [
        _observed(f"{key}#{place}", at, resource, one, own)
        for place, one in enumerate(components)
        if one in numbers
    ]


def _require_final(resource: Resource) -> None:
    status = text(resource, "status")
    if status == "entered-in-error":
        raise Skipped("entered_in_error", "was entered in error")
    if status not in _FINAL:
        raise Skipped("not_final", "is not final")


def _effective(resource: Resource) -> When:
    moment = text(resource, "effectiveDateTime") or text(resource, "effectiveInstant")
    return moment_of(moment or text(resource, "effectivePeriod", "start"), "effective")


def _observed(key: str, at: When, resource: Resource, value: Any, own: Own) -> Value:
    code = next(iter(codings(value)), None)
    if code is None:
        raise Skipped("code_missing", "there is no code to keep it under")
    if (words := _in_words(value)) is not None and labs.test_of(code) is not None:
        return labs.result(key, at, code, words)
    unit = text(value, "valueQuantity", "code") or text(value, "valueQuantity", "unit")
    measure, number = _measure(resource, code), number_of(value)
    of_own = measure.rpartition(".")[0] in own
    scored = of_measure(measure, key, at, number, own) if of_own else None
    return scored or labs.number(key, at, code, number, unit, measure)


def _in_words(value: Any) -> str | None:
    """Give a result that is no number: its text, or what its code is called."""
    concept = text(value, "valueCodeableConcept", "text")
    return (
        text(value, "valueString")
        or concept
        or text(value, "valueCodeableConcept", "coding", "display")
    )


def _measure(resource: Resource, code: Mapping[str, str]) -> str:
    if code["system"] == LOINC:
        categories = each(resource, "category", "coding", "code")
        room = "labs" if {"laboratory", "vital-signs"} & set(categories) else "loinc"
        return measure_of(f"{room}.{code['code']}")
    tail = re.split(r"[/:]", code["system"].rstrip("/"))[-1].replace(".", "_")
    measure = measure_of(f"{tail}.{code['code']}")
    if house.find(measure) is not None:
        raise Skipped("code_taken", "another system's code that reads like one of our measures")
    return measure
