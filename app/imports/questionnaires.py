"""Reads questionnaires that the house knows: as a panel of observations, or as a response."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from app.clinical import instruments, scoring
from app.clinical.instruments import Instrument
from app.imports.facts import Value, When, moment_of
from app.imports.r4 import LOINC, Find, Resource, codings, each, is_number, number_of, text
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
Answers = tuple[dict[str, int], float | None]


@cache
def by_code() -> dict[str, Instrument]:
    """Give LOINC code -> instrument, for the codes of totals and panels."""
    known = instruments.all_instruments()
    return {code: one for one in known for code in (one.loinc_total, one.loinc_panel) if code}


@cache
def _parts(instrument_id: str) -> dict[str, int]:
    """Give LOINC code -> number of the item."""
    instrument = instruments.instrument(instrument_id)
    parts = {item.loinc: item.index for item in instrument.items if item.loinc}
    return parts | ({instrument.loinc_total: TOTAL} if instrument.loinc_total else {})


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
        if one.loinc_panel in codes or codes & _parts(one.id).keys()
    }


def panel(instrument: Instrument, key: str, at: When, resource: Resource, find: Find) -> Value:
    """Read a panel: the answers and the total in its components and members.

    Raises:
        Skipped: none of them can be read.
    """
    members = each(resource, "component")
    members += [find(one) or {} for one in each(resource, "hasMember", "reference")]
    members = [one for one in members if text(one, "status") != "entered-in-error"]
    answers: dict[str, int] = {}
    total = None
    for member in members:
        for code in _loincs(member):
            item = _parts(instrument.id).get(code)
            if item == TOTAL:
                total = number_of(member, written=True)
            elif item is not None and (value := _scored(instrument, member)) is not None:
                answers[str(item)] = value
    return _assessed(instrument, key, at, (answers, total))


def item(key: str, at: When, resource: Resource) -> Value | None:
    """Read an item that came alone, if it is one of a single instrument: its risk is looked at."""
    found = [one for code in _loincs(resource) for one in _items().get(code, ())]
    if len(found) != 1:
        return None
    ((instrument, number),) = found
    value = _scored(instrument, resource)
    if value is None:
        return None
    return _assessed(instrument, key, at, ({str(number): value}, None))


def _loincs(value: Any) -> list[str]:
    return [one["code"] for one in codings(value) if one["system"] == LOINC]


def _assessed(instrument: Instrument, key: str, at: When, found: Answers) -> Value:
    """Make the assessment; a stated total goes alone where the answers read would only hide it.

    They do where they give no total, and none of them has to be looked at for its risk.
    """
    answers, total = found
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
    return Value("assessment", key, at, body)


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


def response(key: str, resource: Resource) -> Value:
    """Read a filled-in questionnaire, by its items' LOINC codes.

    Raises:
        Skipped: it is not complete, is no known instrument, or has no day or no answer.
    """
    status = text(resource, "status")
    if status == "entered-in-error":
        raise Skipped("entered_in_error", "was entered in error")
    if status not in {"completed", "amended"}:
        raise Skipped("not_final", "is not completed")
    instrument = _instrument(resource)
    if instrument is None:
        raise Skipped("instrument_unknown", "no questionnaire of /v1/instruments")
    answers: dict[str, int] = {}
    total = None
    for number, item in _linked(instrument, resource):
        for answer in each(item, "answer")[:1]:
            if number == TOTAL:
                said = each(answer, "valueDecimal") + each(answer, "valueInteger")
                total = next((float(one) for one in said if is_number(one)), None)
            elif (value := _scored(instrument, answer)) is not None:
                answers[str(number)] = value
    at = moment_of(text(resource, "authored"), "authored")
    return _assessed(instrument, key, at, (answers, total))


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


def remarks(filled_in: Value, resource: Resource) -> tuple[str, str] | None:
    """Say which answers were given and could not be read, and that a form is of STU3."""
    instrument = instruments.instrument(filled_in.body["instrument"])
    given = {number for number, item in _linked(instrument, resource) if each(item, "answer")}
    read = {int(number) for number in filled_in.body.get("answers", {})}
    lost = ", ".join(map(str, sorted(given - {TOTAL} - read)))
    found = [("answers_unread", f"items {lost} of {instrument.id}")] if lost else []
    if isinstance(resource.get("questionnaire"), dict):
        found.append(("stu3", "a form of FHIR STU3 (it refers to its questionnaire), read as R4"))
    return (found[0][0], "; ".join(words for _, words in found)) if found else None


def _instrument(resource: Resource) -> Instrument | None:
    """Find the instrument by the questionnaire's address, else the one with most of its items."""
    address = text(resource, "questionnaire") or ""
    tail = re.split(r"[/#]", address.partition("|")[0].rstrip("/"))[-1].casefold()
    for one in instruments.all_instruments():
        if tail and tail in {one.id, one.id.replace("-", ""), one.loinc_panel}:
            return one
    counts = [
        (sum(1 for number, _ in _linked(one, resource, by_number=False) if number), one)
        for one in instruments.all_instruments()
    ]
    n, best = max(counts, key=lambda counted: (counted[0], -len(counted[1].items)))
    return best if n else None


def _linked(
    instrument: Instrument, resource: Any, *, by_number: bool = True
) -> Iterator[tuple[int, Any]]:
    """Give the items of a response, groups opened, with their number in the instrument.

    Items are named by LOINC in `linkId` (`/44250-9`) or at the end of `definition`; where the
    questionnaire's address says which it is, by their number too.
    """
    parts = _parts(instrument.id)
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
