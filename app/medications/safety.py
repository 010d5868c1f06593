"""What a dose needs before it is kept: a confirmation where it is possible but dangerous.

Hazards H1 and H2: ten times too much is one keypad slip away. A prescriber confirms by name and
reason; an EHR or an import cannot be asked, so its event is kept `unconfirmed`, a signal waits
for a prescriber, and no dose is reckoned with it until then (api.md, *Confirmation*).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.clinical import dose_safety, doses
from app.clinical.dose_safety import DoseLimits, DoseReview, Maximum
from app.clinical.medications import Substance
from app.clinical.units import UnitsNotComparable, convert
from app.core.db import Work
from app.core.errors import Fault, Forbidden
from app.journal import service as journal
from app.measurements import service as measurements
from app.medications import own, rules
from app.medications.errors import ConfirmationRequired
from app.medications.models import DoseEvent, Medication
from app.medications.reading import courses, dose_parts, is_running
from app.medications.schemas import DoseEventIn
from app.patients.service import Person
from app.signals import service as signals

HISTORIC_AFTER = timedelta(days=30)
PER_KG = "mg/kg/d"
WEIGHTS = ("labs.29463-7", "labs.3141-9")
"""Body weight, and body weight measured (LOINC)."""
WEIGHT_HOLDS = timedelta(days=365)
WITHOUT_STRENGTH = frozenset({"{tablet}", "{capsule}", "{patch}", "[drp]", "{puff}", "mL"})
"""Units that say how many, not how much: they fit any drug, and leave the daily dose unknown."""
_SAME_KIND = {
    "mg": frozenset({"mg", "ug", "g", "ng", "mg/h", "ug/h"}),
    "ug": frozenset({"mg", "ug", "g", "ng", "mg/h", "ug/h"}),
}
_ROUTES = {
    "by mouth": "oral",
    "orally": "oral",
    "po": "oral",
    "im": "intramuscular",
    "sc": "subcutaneous",
    "sl": "sublingual",
    "patch": "transdermal",
}
_FELL = "tenfold-jump down"
DETAILS = {
    "above-maximum": "above the reference maximum for this medicine; source and version are at "
    "/v1/reference/medications/{reference_id}",
    "tenfold-jump": "at least ten times the dose before it",
    _FELL: "at most a tenth of the dose before it",
    "titration-too-fast": "a step faster than the labelled titration; its steps and source are at "
    "/v1/reference/titrations",
    "retitration-needed": "after this gap the label begins again with the starting dose; its "
    "source is at /v1/reference/titrations",
    "unit-not-for-drug": "this medicine is not measured in this unit",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """How an event may be kept: confirmed codes flag it, unconfirmed ones keep it out."""

    flags: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    not_checked: tuple[dict[str, str], ...] = ()


def review(
    work: Work,
    person: Person,
    data: DoseEventIn,
    event_id: UUID,
    day: date | None,
    *,
    imported: bool,
    pointer: str,
) -> Taken:
    """Let a dose event through, with what has to stay on it.

    imported: nobody could be asked when it came.

    Raises:
        ConfirmationRequired: it needs a prescriber's named confirmation, and has none.
        Forbidden: somebody else confirmed it.
    """
    assert data.medication_id is not None, "a dose event stands under a course"
    course = _course(work, data.medication_id)
    substance = own.by_id(work, course.reference_id)
    proposed = _proposed(data, event_id, day)
    limits = _limits(work, person, course, substance, day)
    found = dose_safety.review_dose(proposed, _earlier(work, data.medication_id), limits)
    not_checked = tuple({"code": str(one.code), "why": str(one.why)} for one in found.not_checked)
    if not found.codes:
        return Taken(not_checked=not_checked)
    if imported or work.actor.role == "system":
        return Taken(unconfirmed=found.codes, not_checked=not_checked)
    _require_confirmation(work, data, found, substance, pointer)
    return Taken(flags=found.codes, not_checked=not_checked)


def _require_confirmation(
    work: Work,
    data: DoseEventIn,
    found: DoseReview,
    substance: Substance | None,
    pointer: str,
) -> None:
    confirmed = set(data.confirmation.codes) if data.confirmation else set()
    if not set(found.codes) <= confirmed:
        name = substance.reference_id if substance else ""
        raise ConfirmationRequired(
            faults=[
                Fault(
                    f"{pointer}/{rules.stated_in(data)}",
                    code,
                    DETAILS[words].format(reference_id=name),
                )
                for code in found.codes
                for words in [_FELL if found.fell and code == "tenfold-jump" else code]
            ]
        )
    if work.actor.role != "prescriber":
        raise Forbidden("a prescriber confirms a dose")


def signal_unconfirmed(
    work: Work, person: Person, event_id: UUID, day: date | None, codes: Sequence[str]
) -> dict[str, Any] | None:
    """Open the signal that a prescriber closes by confirming; one a patient for old facts."""
    today = person.today(work.now)
    if day is None or day < today - HISTORIC_AFTER:
        return signals.open_historic(work, person, {"first_dose_event_id": str(event_id)})
    evidence = {"dose_event_id": str(event_id), "codes": list(codes)}
    return signals.open_once(work, person, f"unconfirmed:{event_id}", "unconfirmed_dose", evidence)


def confirmed(work: Work, person: Person, event_id: UUID, data: DoseEventIn) -> None:
    """Close the signal of an event that waited, by the name and in the words of who confirmed it.

    That of old facts is one for many: a person closes it when all of them were looked at.
    """
    assert data.confirmation is not None, "nothing else ends the waiting"
    signals.close_of(
        work, person, f"unconfirmed:{event_id}", f"dose confirmed: {data.confirmation.reason}"
    )


@dataclass(frozen=True, slots=True)
class _Course:
    reference_id: str | None
    route: str | None


def _course(work: Work, medication_id: UUID) -> _Course:
    """Give what limits depend on, of a course that is known or was added by this same call."""
    for model, row in work.added:
        if model is Medication and row["id"] == medication_id:
            return _Course(row["reference_id"], row["route"])
    known = work.first(
        select(Medication.reference_id, Medication.route).where(Medication.id == medication_id)
    )
    return _Course(*known) if known else _Course(None, None)


def _earlier(work: Work, medication_id: UUID) -> list[doses.DoseEvent]:
    """Give the course's events so far, those of this same call (a plan's steps) among them."""
    rows: list[dict[str, Any]] = [
        {name: getattr(row, name) for name in _EVENT}
        for row in work.all(
            select(DoseEvent).where(
                DoseEvent.medication_id == medication_id, DoseEvent.status != "entered_in_error"
            )
        )
    ]
    rows += [
        {name: row[name] for name in _EVENT}
        for model, row in work.added
        if model is DoseEvent and row["medication_id"] == medication_id
    ]
    return [
        doses.DoseEvent(
            id=str(row["id"]),
            medication_id=str(medication_id),
            day=row["effective_on"],
            seq=place,
            kind=row["kind"],
            amount=row["amount"],
            unit=row["unit"],
            times_per_day=row["times_per_day"],
            percent_of_previous=row["percent_of_previous"],
            max_per_day=row["max_per_day"],
            parts=dose_parts(row["parts"] or ()),
            interval_days=row["interval_days"],
            dose_known=row["dose_known"],
            planned=row["planned"],
            unconfirmed=tuple((row["unconfirmed"] or "").split()),
        )
        for place, row in enumerate(rows)
    ]


_EVENT = (
    "id",
    "effective_on",
    "kind",
    "amount",
    "unit",
    "times_per_day",
    "percent_of_previous",
    "max_per_day",
    "parts",
    "interval_days",
    "dose_known",
    "planned",
    "unconfirmed",
)


def _proposed(data: DoseEventIn, event_id: UUID, day: date | None) -> doses.DoseEvent:
    sent = stored(data)
    return doses.DoseEvent(
        id=str(event_id),
        medication_id=str(data.medication_id),
        day=day,
        seq=1_000_000,
        kind=data.kind,
        **{**sent, "parts": dose_parts(sent["parts"] or ())},
    )


def stored(data: DoseEventIn) -> dict[str, Any]:
    """Give the dose of an event as its row holds it."""
    given = data.dose or data.rate
    parts = data.model_dump(mode="json", include={"parts"}, exclude_none=True).get("parts")
    return {
        "amount": given.amount if given else None,
        "unit": parts[0]["dose"]["unit"] if parts else given.unit if given else None,
        "times_per_day": data.times_per_day,
        "percent_of_previous": data.percent_of_previous,
        "max_per_day": data.max_per_day,
        "parts": parts,
        "interval_days": data.interval_days,
        "dose_known": data.dose_known,
        "planned": data.planned,
    }


def _limits(
    work: Work, person: Person, course: _Course, substance: Substance | None, day: date | None
) -> DoseLimits:
    """Give what the reference says for this medicine, patient and route."""
    if substance is None:
        return DoseLimits()
    age = None
    if person.birth_date is not None and day is not None:
        born = person.birth_date
        age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    route = _route(course.route)
    maxima = []
    if substance.max_daily is not None:
        ceiling = substance.max_daily
        # One ceiling stands for all forms of an entry: of an unknown route it holds as well.
        routes = frozenset(form.split()[0] for form in substance.forms if route)
        maxima.append(Maximum(Decimal(ceiling.value), ceiling.unit, ceiling.population, routes))
    beside: set[str] = set()
    if any(one.medication == substance.reference_id for one in dose_safety.titrations()):
        beside = {
            one.reference_id
            for one in courses(work, person.id)
            if one.reference_id and day is not None and is_running(one, day)
        }
    maximum = dose_safety.maximum_for(maxima, age_years=age, route=route)
    per_kg = maximum is not None and maximum.unit == PER_KG
    return DoseLimits(
        units=_units(substance),
        maximum=maximum,
        weight_kg=_weight_kg(work, person, day) if per_kg else None,
        titration=dose_safety.titration_for(
            substance.reference_id, together_with=beside, age_years=age
        ),
    )


def _weight_kg(work: Work, person: Person, day: date | None) -> Decimal | None:
    """Give the newest weight on record, where it was taken within a year of the dose's day."""
    latest = measurements.summary(work, person.id)["latest"]
    weights = [latest[code] for code in WEIGHTS if code in latest]
    newest = max(weights, key=lambda one: str(one["on"]), default=None)
    if newest is None or day is None:
        return None
    if abs(day - date.fromisoformat(str(newest["on"]))) > WEIGHT_HOLDS:
        return None
    record_id = UUID(str(newest["record_id"]))
    for _, answer in journal.answers_known_at(work, [record_id]):
        try:
            weight = convert(Decimal(str(answer["value"])), answer.get("unit") or "", "kg")
        except UnitsNotComparable:
            return None
        return weight if weight > 0 else None
    return None


def _route(said: str | None) -> str | None:
    """Read how a medicine is given in the reference's words; another word stays as it is."""
    if said is None:
        return None
    word = said.casefold().removesuffix(" route").removesuffix(" use").strip()
    return _ROUTES.get(word, word)


def _units(substance: Substance) -> frozenset[str]:
    """Give the units that fit: those of the kind in which the reference states its doses."""
    stated = substance.max_daily or substance.usual_start
    kind = _SAME_KIND.get(stated.unit.partition("/")[0]) if stated else None
    return kind | WITHOUT_STRENGTH if kind else frozenset()
