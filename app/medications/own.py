"""Medicines that a clinic adds to the reference for itself; they always show as the clinic's.

They are looked up, name a course and bound its doses. Interaction rules and monitoring schedules
do not know them: there they stand under what was not checked.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import select

from app.clinical import medications as house
from app.clinical.medications import Amount, AmountRange, Ceiling, Substance
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import AlreadyExists, Fault, Invalid, NotFound
from app.journal import service as journal
from app.medications.models import RegisteredMedication
from app.medications.schemas import OwnMedicationIn, SpanIn

TYPE = "reference_medication"


def registered(work: Work) -> Mapping[str, Substance]:
    """Give the clinic's own medicines by code, asked for once in a transaction."""

    def ask() -> dict[str, Substance]:
        rows = work.all(select(RegisteredMedication).order_by(RegisteredMedication.code))
        return {
            row.code: _substance(OwnMedicationIn.model_validate(row.definition)) for row in rows
        }

    return work.remember("registered medications", ask)


def by_id(work: Work, reference_id: str | None) -> Substance | None:
    """Give the house's entry of an id, else the clinic's."""
    if reference_id is None:
        return None
    return house.by_id(reference_id) or registered(work).get(reference_id)


def resolve(work: Work, code: tuple[str, str] | None, reference_id: str | None) -> Substance | None:
    """Say what a code or an id names; None where neither the house nor the clinic knows it.

    Raises:
        SubstancesDiffer: the code and the id name different substances.
    """
    found = house.resolve(code, reference_id).substance
    if found is not None or (code is None and reference_id is None):
        return found
    named = registered(work).get(reference_id) if reference_id else None
    coded = next((one for one in registered(work).values() if code in _codes(one)), None)
    if code is not None and named is not None:
        known = house.find(*code) or ((coded,) if coded else ())
        if known and named not in known:
            raise house.SubstancesDiffer(f"{reference_id} is not what {code} stands for")
    return named or coded


def _codes(substance: Substance) -> list[tuple[str, str]]:
    codes = [(house.ATC, code) for code in substance.atc]
    return [*codes, (house.RXNORM, substance.rxnorm)] if substance.rxnorm else codes


def register(work: Work, data: OwnMedicationIn) -> Answer:
    """Add a medicine of the clinic's own; its `code` is its key.

    Raises:
        AlreadyExists: the code is the house's, or taken by another definition.
        Invalid: see `_check`.
    """
    if house.by_id(data.code) is not None:
        raise AlreadyExists("an entry of the house", pointer="/code")
    record_id = _record_id(work, data.code)
    if (known := journal.sent_before(work, TYPE, None, data, record_id)) is not None:
        return known
    answer = _define(work, data, 1)
    work.put_rows(
        RegisteredMedication, [{"code": data.code, "version": 1, "definition": _kept(data)}]
    )
    return answer


def redefine(
    work: Work, code: str, patch: Mapping[str, Any], named: frozenset[int] | None
) -> Answer:
    """Change a medicine of the clinic's own; the versions before stay in the journal.

    Raises:
        NotFound: the clinic has added no such code.
        PreconditionRequired, StaleVersion: no version named, or an old one.
        Invalid: the result contradicts itself, or has another code.
    """
    row = _row(work, code)
    journal.require_version(row.version, named)
    data = journal.patched(work, OwnMedicationIn, _record_id(work, code), row.version, patch)
    if data.code != code:
        raise Invalid("a code is never given to another medicine", pointer="/code")
    answer = _define(work, data, row.version + 1)
    work.change(row, version=row.version + 1, definition=_kept(data))
    return answer


def show(work: Work, code: str) -> Answer:
    """Give one entry of the clinic's as it is now.

    Raises:
        NotFound: the clinic has added no such code.
    """
    _row(work, code)
    return journal.show(work, TYPE, None, _record_id(work, code))


def _define(work: Work, data: OwnMedicationIn, version: int) -> Answer:
    _check(data)
    return journal.record(
        work,
        TYPE,
        "created" if version == 1 else "corrected",
        record_id=_record_id(work, data.code),
        patient_id=None,
        version=version,
        data=data,
        derived={
            "reference_id": data.code,
            "display": data.name,
            "source": "clinic",
            "not_checked": ["interactions", "monitoring"],
        },
        status="active" if version == 1 else "corrected",
    )


def _check(data: OwnMedicationIn) -> None:
    faults = []
    known = {name for one in house.substances() for name in one.classes}
    faults += [
        Fault(f"/classes/{place}", "unknown", "a class of /v1/reference/medications")
        for place, name in enumerate(data.classes)
        if name not in known
    ]
    for name in ("usual_range", "half_life_hours", "onset_weeks"):
        span = getattr(data, name)
        if span is not None and span.low > span.high:
            faults.append(Fault(f"/{name}/high", "out-of-range", "not below low"))
    usual, most = data.usual_range, data.max_daily
    if usual and most and usual.unit == most.unit and usual.high > most.value:
        faults.append(Fault("/max_daily/value", "out-of-range", "not below the usual range"))
    codes = [("/rxnorm", house.RXNORM, data.rxnorm)] if data.rxnorm else []
    codes += [(f"/atc/{place}", house.ATC, code) for place, code in enumerate(data.atc)]
    faults += [
        Fault(pointer, "taken", "a code that no entry of the house has")
        for pointer, system, code in codes
        if code and house.find(system, code)
    ]
    if faults:
        raise Invalid(faults=faults)


def _kept(data: OwnMedicationIn) -> dict[str, Any]:
    return data.model_dump(mode="json", exclude_unset=True)


def _record_id(work: Work, code: str) -> UUID:
    return uuid5(work.actor.clinic_id, f"medication:{code}")


def _row(work: Work, code: str) -> RegisteredMedication:
    row = work.first(select(RegisteredMedication).where(RegisteredMedication.code == code))
    if not isinstance(row, RegisteredMedication):
        raise NotFound()
    return row


def _substance(data: OwnMedicationIn) -> Substance:
    """Read an entry as the house's are; what the clinic did not say of it is not known.

    The scales of interactions stay at their floor, which no rule reads: rules see only the
    house's entries.
    """
    usual, most, start = data.usual_range, data.max_daily, data.usual_start
    return Substance(
        reference_id=data.code,
        name=data.name,
        tall_man=data.name,
        brands=tuple(data.brands),
        synonyms=tuple(data.synonyms),
        form_of=None,
        kind=data.kind,
        role="clinic",
        classes=frozenset(data.classes),
        rxnorm=data.rxnorm,
        atc=tuple(data.atc),
        forms=tuple(data.forms),
        usual_start=Amount(start.value, start.unit) if start else None,
        usual_range=AmountRange(usual.low, usual.high, usual.unit) if usual else None,
        max_daily=Ceiling(most.value, most.unit, "adult", None) if most else None,
        half_life_hours=_span(data.half_life_hours),
        onset_weeks=_span(data.onset_weeks),
        taper=None,
        qt_risk="unknown",
        serotonergic=0,
        anticholinergic_burden=0,
        cyp=(),
        boxed_warnings=(),
        pregnancy_note=None,
        equivalents=(),
        dea_schedule=None,
        notes=data.notes,
        sources=tuple(data.sources),
        verified={},
    )


def _span(sent: SpanIn | None) -> tuple[float, float] | None:
    return (float(sent.low), float(sent.high)) if sent else None
