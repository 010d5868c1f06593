"""Reads questionnaires of the house and the clinic: panels of observations, responses, numbers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from app.clinical import instruments, scoring
from app.clinical.instruments import Instrument
from app.imports.facts import Value, When, moment_of
from app.imports.r4 import (
    LOINC,
    Find,
    Resource,
    codings,
    each,
    has_value,
    is_number,
    number_of,
    text,
)
from app.imports.results import Skipped

ORDINALS = frozenset(
    {
        "http://hl7.org/fhir/StructureDefinition/ordinalValue",
        "http://hl7.org/fhir/StructureDefinition/itemWeight",
        "http://hl7.org/fhir/StructureDefinition/iso21090-CO-value",
    }
)
TOTAL = 0
"""Stands for the total among the numbers of the items."""
Own = Mapping[str, Instrument]
"""The clinic's own questionnaires, by id."""
NONE: Own = MappingProxyType({})


def by_id(instrument_id: str, own: Own) -> Instrument | None:
    """Give a questionnaire of the house, else of the clinic."""
    try:
        return instruments.instrument(instrument_id)
    except instruments.UnknownInstrument:
        return own.get(instrument_id)


@cache
def by_code() -> dict[str, Instrument]:
    """Give LOINC code -> instrument, for the codes of totals and panels."""
    known = instruments.all_instruments()
    return {code: one for one in known for code in (one.loinc_total, one.loinc_panel) if code}


@cache
def _coded() -> dict[str, dict[str, int]]:
    """Give, for each questionnaire of the house, LOINC code -> number of the item."""
    return {
        one.id: {item.loinc: item.index for item in one.items if item.loinc}
        | ({one.loinc_total: TOTAL} if one.loinc_total else {})
        for one in instruments.all_instruments()
    }


def _parts(instrument: Instrument) -> Mapping[str, int]:
    """Give LOINC code -> number of the item; the clinic's own have none."""
    return _coded().get(instrument.id, {})


@cache
def _items() -> dict[str, list[tuple[Instrument, int]]]:
    """Give LOINC code -> the items that have it; PHQ-2 and PHQ-9 share two."""
    found: dict[str, list[tuple[Instrument, int]]] = {}
    for one in instruments.all_instruments():
        for item in one.items:
            if item.loinc:
                found.setdefault(item.loinc, []).append((one, item.index))
    return found


# ---- observations


def total_of(resource: Resource) -> Instrument | None:
    """Give the instrument that this observation is the total of."""
    return next(
        (
            found
            for code in _loincs(resource)
            if (found := by_code().get(code)) is not None and found.loinc_total == code
        ),
        None,
    )


def panel_of(resource: Resource) -> Instrument | None:
    """Give the instrument whose panel this observation is, if it brings anything along."""
    if not each(resource, "hasMember") and not each(resource, "component"):
        return None
    return next(
        (
            found
            for code in _loincs(resource)
            if (found := by_code().get(code)) is not None and found.loinc_panel == code
        ),
        None,
    )


def instruments_of(resource: Resource) -> set[str]:
    """Give the instruments that an observation is a total, a panel or an item of."""
    codes = set(_loincs(resource))
    return {
        one.id
        for one in instruments.all_instruments()
        if one.loinc_panel in codes or codes & _parts(one).keys()
    }


def panel(instrument: Instrument, key: str, at: When, resource: Resource, find: Find) -> Value:
    """Read a panel: the answers and the total in its components and members.

    Raises:
        Skipped: none of them can be read.
    """
    members = each(resource, "component")
    members += [find(one) or {} for one in each(resource, "hasMember", "reference")]
    form = _Form()
    for member in members:
        if text(member, "status") == "entered-in-error" or not has_value(member):
            continue
        for code in _loincs(member):
            number = _parts(instrument).get(code)
            if number is None:
                continue
            form.given.add(number)
            if number == TOTAL:
                form.total = _total(member)
            elif (value := _scored(instrument, member)) is not None:
                form.answers[str(number)] = value
    return _assessed(instrument, key, at, form)


def _total(member: Resource) -> float | None:
    """Give a stated total; one that cannot be read takes no answer along."""
    try:
        return number_of(member, written=True)
    except Skipped:
        return None


def item(key: str, at: When, resource: Resource) -> Value | None:
    """Read an item that came alone, if it is one of a single instrument: its risk is looked at."""
    found = [one for code in _loincs(resource) for one in _items().get(code, ())]
    if len(found) != 1:
        return None
    ((instrument, number),) = found
    value = _scored(instrument, resource)
    if value is None:
        return None
    return _assessed(instrument, key, at, _Form({str(number): value}, None, {number}))


def of_measure(measure: str, key: str, at: When, value: float, own: Own) -> Value | None:
    """Read a number whose code names a total or an answer: `phq-9.total`, `phq-9.9`.

    Raises:
        Skipped: an answer that is no whole number.
    """
    instrument_id, _, part = measure.rpartition(".")
    known = by_id(instrument_id, own)
    if known is not None and part == "total":
        return Value("assessment", key, at, {"instrument": known.id, "total": value})
    if known is not None and part.isdecimal():
        if not value.is_integer():
            raise Skipped("not_a_whole_number", "an answer is a whole number")
        return Value("assessment", key, at, {"instrument": known.id, "answers": {part: int(value)}})
    return None


def _loincs(value: Any) -> list[str]:
    return [one["code"] for one in codings(value) if one["system"] == LOINC]


@dataclass(slots=True)
class _Form:
    """What a form says: the answers that can be read, by item, and which items have any."""

    answers: dict[str, int] = field(default_factory=dict)
    total: float | None = None
    given: set[int] = field(default_factory=set)


def _assessed(
    instrument: Instrument, key: str, at: When, form: _Form, version: str | None = None
) -> Value:
    """Make the assessment; a stated total goes alone where the answers read would only hide it.

    They do where they give no total, and none of them has to be looked at for its risk. What was
    given and is not taken is said. version: of FHIR, where it is not R4.
    """
    answers, total = form.answers, form.total
    if answers and total is not None and not instrument.risk_items:
        by_number = {int(item): value for item, value in answers.items()}
        if scoring.score(instrument, by_number, total).total_trended is None:
            answers = {}
    if not answers and total is None:
        raise Skipped("no_value", f"no answer of {instrument.id} can be read")
    body: dict[str, Any] = {"instrument": instrument.id}
    if answers:
        body["answers"] = answers
    if total is not None:
        body["total"] = total
    return Value("assessment", key, at, body, _remarks(instrument, form.given, body, version))


def _remarks(
    instrument: Instrument, given: set[int], body: Mapping[str, Any], version: str | None
) -> tuple[str, str] | None:
    """Say which answers were given and are not taken, and that a form is of another FHIR."""
    lost = [str(one) for one in sorted(given - {TOTAL}) if str(one) not in body.get("answers", {})]
    found = []
    if lost:
        found.append(("answers_unread", f"items {', '.join(lost)} of {instrument.id}"))
    if TOTAL in given and "total" not in body:
        found.append(("answers_unread", f"the total of {instrument.id}"))
    if version is not None:
        found.append((version.lower(), f"a form of FHIR {version}, read as R4"))
    return (found[0][0], "; ".join(words for _, words in found)) if found else None


def _scored(instrument: Instrument, answer: Any) -> int | None:
    """Give an answer's score: as stated beside its code, by its code, or as a whole number."""
    for code in each(answer, "valueCoding") + each(answer, "valueCodeableConcept", "coding"):
        for extension in each(code, "extension"):
            stated = each(extension, "valueDecimal") + each(extension, "valueInteger")
            if text(extension, "url") in ORDINALS and stated and _is_whole(stated[0]):
                return int(stated[0])
        for option in instrument.answers:
            if option.loinc == text(code, "code"):
                return option.value
    numbers = each(answer, "valueInteger") + each(answer, "valueDecimal")
    numbers += each(answer, "valueQuantity", "value")
    return int(numbers[0]) if numbers and _is_whole(numbers[0]) else None


def _is_whole(value: Any) -> bool:
    return is_number(value) and float(value).is_integer()


# ---- QuestionnaireResponse


def response(key: str, resource: Resource, own: Own = NONE) -> Value:
    """Read a filled-in questionnaire, by its items' LOINC codes or their numbers.

    Raises:
        Skipped: it is not complete, is no known instrument, or has no day or no answer.
    """
    status = text(resource, "status")
    if status == "entered-in-error":
        raise Skipped("entered_in_error", "was entered in error")
    if status not in {"completed", "amended"}:
        raise Skipped("not_final", "is not completed")
    instrument, is_named = _instrument(resource, own)
    form = _Form()
    for number, item in _linked(instrument, resource, by_number=is_named):
        for answer in each(item, "answer")[:1]:
            form.given.add(number)
            if number == TOTAL:
                said = each(answer, "valueDecimal") + each(answer, "valueInteger")
                form.total = next((float(one) for one in said if is_number(one)), None)
            elif (value := _scored(instrument, answer)) is not None:
                form.answers[str(number)] = value
    at = moment_of(text(resource, "authored"), "authored")
    # Only before R4 a response refers to its questionnaire by a Reference.
    version = "STU3" if isinstance(resource.get("questionnaire"), dict) else None
    return _assessed(instrument, key, at, form, version)


def answered(resource: Resource) -> set[str]:
    """Give the instrument of a response that is read here, as a set of at most one.

    One that was entered in error takes what was derived from it along.
    """
    if text(resource, "resourceType") != "QuestionnaireResponse":
        return set()
    try:
        in_error = text(resource, "status") == "entered-in-error"
        meant = {**resource, "status": "completed"} if in_error else resource
        return {response("", meant).body["instrument"]}
    except Skipped:
        return set()


def _instrument(resource: Resource, own: Own) -> tuple[Instrument, bool]:
    """Find the instrument by the questionnaire's address, else the one with most of its items.

    True beside it: the address says which it is, so that a bare number is one of its items.

    Raises:
        Skipped: it is none that the house or the clinic knows.
    """
    address = text(resource, "questionnaire") or ""
    tail = re.split(r"[/#]", address.partition("|")[0].rstrip("/"))[-1].casefold()
    for one in (*instruments.all_instruments(), *own.values()):
        if tail and tail in {one.id, one.id.replace("-", ""), one.loinc_panel}:
            return one, True
    counts = [
        (sum(1 for number, _ in _linked(one, resource, by_number=False) if number), one)
        for one in instruments.all_instruments()
    ]
    n, best = max(counts, key=lambda counted: (counted[0], -len(counted[1].items)))
    if not n:
        raise Skipped("instrument_unknown", "no questionnaire of /v1/instruments")
    return best, False


def _linked(instrument: Instrument, resource: Any, *, by_number: bool) -> Iterator[tuple[int, Any]]:
    """Give the items of a response, groups opened, with their number in the instrument.

    Items are named by LOINC in `linkId` (`/44250-9`) or at the end of `definition`; where the
    questionnaire's address says which it is, by their number too.
    """
    parts = _parts(instrument)
    for item in each(resource, "item"):
        names = (text(item, "linkId") or "", text(item, "definition") or "")
        ends = [name.rpartition("/")[2] for name in names]
        number = next((parts[end] for end in ends if end in parts), None)
        if number is None and by_number and re.fullmatch(r"[1-9][0-9]?", ends[0]):
            number = int(ends[0]) if int(ends[0]) <= len(instrument.items) else None
        if number is not None:
            yield number, item
        yield from _linked(instrument, item, by_number=by_number)
        for answer in each(item, "answer"):
            yield from _linked(instrument, answer, by_number=by_number)
