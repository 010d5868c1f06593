"""Reads FHIR R4 resources as they come, without a model of them: one function a resource.

Nothing here trusts a shape: `each` follows a path through whatever is there, and what a
resource does not say is not found. Codes and values are those of http://hl7.org/fhir/R4.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from app.clinical import measures as house
from app.clinical.medications import RXNORM
from app.clinical.units import plain
from app.imports.facts import (
    Dose,
    Entry,
    Order,
    Subject,
    Value,
    When,
    dose_of,
    measure_of,
    moment_of,
)
from app.imports.questionnaires import (
    answered,
    instruments_of,
    panel,
    panel_of,
    response,
    total_of,
    unread,
)
from app.imports.r4 import (
    LOINC,
    UCUM,
    Find,
    Resource,
    coding,
    codings,
    each,
    is_number,
    number_of,
    text,
)
from app.imports.results import Skipped, Unreadable, contents

NO_NAME = "(no name)"
"""Stands where the source names nobody: the record wants a name, and invents none."""
LANGUAGE = re.compile("[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
ZONE = "http://hl7.org/fhir/StructureDefinition/timezone"
TIMES_A_DAY = {
    "QD": "1", "AM": "1", "PM": "1", "BID": "2", "TID": "3", "QID": "4", "QOD": "0.5",
}  # fmt: skip
"""http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"""
DAYS = {"d": 1, "wk": 7}
MOST_A_DAY = 1000

READ = frozenset({"MedicationRequest", "Observation", "QuestionnaireResponse"})

# ---- a bundle


def read(file: Path) -> list[Entry]:
    """Read a bundle: one entry for each of its entries, in their order.

    Raises:
        Unreadable: larger than 200 MiB, not JSON, or no Bundle.
    """
    try:
        bundle = orjson.loads(contents(file))
    except orjson.JSONDecodeError as failure:
        place = f"line {failure.lineno} column {failure.colno}"
        raise Unreadable(file.name, place, "is not JSON") from None
    if text(bundle, "resourceType") != "Bundle":
        raise Unreadable(file.name, None, "is no FHIR Bundle")
    return list(_Bundle(bundle).read())


class _Bundle:
    """What entries say of each other: whom they are about, and what is part of what."""

    def __init__(self, bundle: Resource) -> None:
        self.entries = each(bundle, "entry")
        self.resources: list[Resource] = [
            next((one for one in each(entry, "resource") if isinstance(one, dict)), {})
            for entry in self.entries
        ]
        self.places: dict[str, int] = {}
        for place, (entry, resource) in enumerate(zip(self.entries, self.resources, strict=True)):
            names = (text(entry, "fullUrl"), f"{text(resource, 'resourceType')}/{_id(resource)}")
            for name in names:
                if name:
                    self.places.setdefault(name, place)
        self.joined: dict[int, int] = {}
        """Entries whose fact another entry carries, by place."""

    def place(self, reference: Any) -> int | None:
        return self.places.get(reference) if isinstance(reference, str) else None

    def find(self, reference: Any) -> Resource | None:
        place = self.place(reference)
        return None if place is None else self.resources[place]

    def read(self) -> Iterator[Entry]:
        self._join()
        people: dict[int, Subject] = {}
        for place, resource in enumerate(self.resources):
            type_ = text(resource, "resourceType") or "none"
            number = place + 1
            try:
                if type_ == "Patient":
                    yield Entry(number, type_, self._person(people, place))
                elif type_ not in READ:
                    raise Skipped("type_not_read", f"{type_} is not read here")
                elif place in self.joined:
                    yield Entry(number, type_, joins=self.joined[place] + 1)
                else:
                    subject = self._subject(people, resource)
                    yield self._entry(number, type_, subject, resource)
            except Skipped as reason:
                yield Entry(number, type_, skipped=reason)

    def _entry(self, number: int, type_: str, subject: Subject, resource: Resource) -> Entry:
        key = f"{subject.source}/{type_}/{_id(resource) or _digest(resource)}"
        if type_ == "MedicationRequest":
            return Entry(number, type_, subject, (medication_request(key, resource, self.find),))
        if type_ == "QuestionnaireResponse":
            filled_in = questionnaire_response(key, resource)
            return Entry(number, type_, subject, (filled_in,), words=unread(filled_in, resource))
        return Entry(number, type_, subject, tuple(observation(key, resource, self.find)))

    def _person(self, people: dict[int, Subject], place: int) -> Subject:
        if place not in people:
            people[place] = patient(self.resources[place])
        return people[place]

    def _subject(self, people: dict[int, Subject], resource: Resource) -> Subject:
        place = self.place(text(resource, "subject", "reference"))
        if place is not None:
            return self._person(people, place)
        identifiers = _identifiers(each(resource, "subject", "identifier"))
        if not identifiers:
            raise Skipped("patient_unknown", "its subject is no Patient of this bundle")
        return Subject(identifiers, {})

    def _join(self) -> None:
        """Find the items of each panel, and what was derived from a questionnaire response."""
        for place, resource in enumerate(self.resources):
            if text(resource, "resourceType") != "Observation":
                continue
            about, known = instruments_of(resource), panel_of(resource)
            for reference in each(resource, "derivedFrom", "reference"):
                source = self.place(reference)
                if source is not None and about & answered(self.resources[source]):
                    self.joined[place] = source
            for reference in each(resource, "hasMember", "reference") if known else ():
                member = self.place(reference)
                if (
                    known
                    and member is not None
                    and known.id in instruments_of(self.resources[member])
                ):
                    self.joined.setdefault(member, place)
        for place, target in self.joined.items():
            self.joined[place] = self.joined.get(target, target)


def _id(resource: Resource) -> str | None:
    return text(resource, "id")


def _digest(resource: Resource) -> str:
    return orjson.dumps(resource, option=orjson.OPT_SORT_KEYS).decode()


# ---- Patient


def patient(resource: Resource) -> Subject:
    """Read a person: the identifiers as sent, and what a new record needs.

    Raises:
        Skipped: there is no identifier with a system, so that nobody could be found again.
    """
    identifiers = _identifiers(each(resource, "identifier"))
    if not identifiers:
        raise Skipped("identifier_missing", "no identifier with a system and a value")
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
        "identifiers": [{"system": system, "value": value} for system, value in identifiers],
        "name": {
            "given": given or NO_NAME,
            "family": text(name, "family") or text(name, "text") or identifiers[0][1],
        },
        "birth_date": born if born and len(born) == len("1991-04-17") else None,
        "sex": sex if sex in {"female", "male", "other"} else None,
        "language": language if language and LANGUAGE.fullmatch(language) else None,
        "time_zone": zone,
    }
    return Subject(identifiers, {name: one for name, one in body.items() if one is not None})


def _identifiers(found: list[Any]) -> tuple[tuple[str, str], ...]:
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
    code, name = _medicine(resource, find)
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


def _medicine(resource: Resource, find: Find) -> tuple[dict[str, str] | None, str | None]:
    """Give the coding that names the medicine, RxNorm's first, else its text."""
    concepts = each(resource, "medicationCodeableConcept")
    reference = text(resource, "medicationReference", "reference")
    if reference is not None:
        contained = (
            one for one in each(resource, "contained") if reference == f"#{text(one, 'id')}"
        )
        concepts += each(next(contained, None) or find(reference), "code")
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
    values = [one for one in each(quantities[0], "value") if is_number(one)]
    unit = text(quantities[0], "code") if text(quantities[0], "system") == UCUM else None
    if not values:
        return None, ("amount-not-accepted",)
    amount = f"{Decimal(repr(values[0])):f}"
    return dose_of(amount, unit or text(quantities[0], "unit"))


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


# ---- Observation

_FINAL = frozenset({"final", "amended", "corrected"})


def observation(key: str, resource: Resource, find: Find) -> list[Value]:
    """Read one observation: a questionnaire's total, its panel with items, or a number.

    LOINC codes of laboratory results and vital signs are followed as `labs.<code>`, others as
    `loinc.<code>`, those of another system as `<last part of its address>.<code>`. Each
    component with a number is a value of its own.

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
    components = each(resource, "component")
    if not components:
        return [_observed(key, at, resource, resource)]
    numbers = [one for one in components if each(one, "valueQuantity") or each(one, "valueInteger")]
    if not numbers:
        raise Skipped("not_a_number", "none of its components is a number")
    return [
        _observed(f"{key}#{place}", at, resource, one)
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


def _observed(key: str, at: When, resource: Resource, value: Any) -> Value:
    code = next(iter(codings(value)), None)
    if code is None:
        raise Skipped("code_missing", "there is no code to keep it under")
    unit = text(value, "valueQuantity", "code") or text(value, "valueQuantity", "unit")
    return Value(
        "observation",
        key,
        at,
        {
            "measure": _measure(resource, code),
            "code": code,
            "value": number_of(value),
            **({"unit": unit} if unit else {}),
        },
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


# ---- QuestionnaireResponse


def questionnaire_response(key: str, resource: Resource) -> Value:
    """Read a filled-in questionnaire that the house knows; see `questionnaires.response`."""
    return response(key, resource)
