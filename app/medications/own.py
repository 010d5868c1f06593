"""Medicines that a clinic adds to the reference for itself; they always show as the clinic's.

They are looked up, name a course and bound its doses. The house's interaction rules and
monitoring schedules do not know them: there they stand under what was not checked. The clinic's
own rules and schedules may name them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.clinical import medications as house
from app.clinical.medications import OF_CLINIC, Amount, AmountRange, Ceiling, Substance
from app.core.db import Work
from app.core.errors import Fault
from app.measurements import own_reference
from app.measurements.own_reference import Kind
from app.medications.schemas import OwnMedicationIn, SpanIn


def registered(work: Work) -> Mapping[str, Substance]:
    """Give the clinic's own medicines by code, asked for once in a transaction."""

    def ask() -> dict[str, Substance]:
        held = own_reference.entries(work, "medications")
        return {
            code: _substance(OwnMedicationIn.model_validate(_without_version(definition)))
            for code, definition in held.items()
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


def _without_version(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in definition.items() if name != "version"}


def _faults(_work: Work, data: OwnMedicationIn) -> Iterator[Fault]:
    known = {name for one in house.substances() for name in one.classes}
    for place, name in enumerate(data.classes):
        if name not in known:
            yield Fault(f"/classes/{place}", "unknown", "a class of /v1/reference/medications")
    for name in ("usual_range", "half_life_hours", "onset_weeks"):
        span = getattr(data, name)
        if span is not None and span.low > span.high:
            yield Fault(f"/{name}/high", "out-of-range", "not below low")
    usual, most = data.usual_range, data.max_daily
    if usual and most and usual.unit == most.unit and usual.high > most.value:
        yield Fault("/max_daily/value", "out-of-range", "not below the usual range")
    codes = [("/rxnorm", house.RXNORM, data.rxnorm)] if data.rxnorm else []
    codes += [(f"/atc/{place}", house.ATC, code) for place, code in enumerate(data.atc)]
    for pointer, system, code in codes:
        if code and house.find(system, code):
            yield Fault(pointer, "taken", "a code that no entry of the house has")


def _substance(data: OwnMedicationIn) -> Substance:
    """Read an entry as the house's are; what the clinic did not say of it is not known.

    The scales of interactions stay at their floor: only rules of the clinic's own are held
    against it, and one that asks for more does not hold.
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
        role=OF_CLINIC,
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


MEDICATIONS = Kind(
    name="medications",
    record_type="reference_medication",
    body=OwnMedicationIn,
    is_house=lambda code: house.by_id(code) is not None,
    faults=_faults,
    derived=lambda data: {
        "reference_id": data.code,
        "display": data.name,
        "not_checked": ["interactions", "monitoring"],
    },
    definition=lambda data: data.model_dump(mode="json", exclude_unset=True),
)
