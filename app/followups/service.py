"""The visit, call or message, and the patient's check-in: one body, one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import literal, select

from app.assessments import service as assessments
from app.clinical.safety import asks_about_risk
from app.core.answer import Answer
from app.core.base import Record
from app.core.db import Work
from app.core.errors import Invalid, InvalidParameter
from app.core.pagination import Page
from app.followups import side_effects
from app.followups.domains.base import Contact
from app.followups.domains.dosage import CheckInDosage, Dosage
from app.followups.domains.side_effects import SideEffectIn
from app.followups.errors import FollowUpInFuture
from app.followups.models import FollowUp
from app.followups.schemas import CheckInIn, ContactIn, FollowUpIn
from app.followups.side_effects import Heard
from app.journal import service as journal
from app.measurements import service as measurements
from app.measurements.service import Reading
from app.medications import service as medications
from app.patients import facts as patient_facts
from app.patients import records
from app.patients.facts import ToldFacts
from app.patients.records import Kind, Place
from app.patients.service import Person
from app.signals import notice

AnyFollowUp = FollowUpIn | CheckInIn

PHONE_CLOCK_TOLERANCE = timedelta(hours=24)
CLOCK_SKEW_FLAGGED_S = 300


def record(work: Work, patient_id: UUID, data: FollowUpIn) -> Answer:
    """Store one visit, call or message with all that it brings, or nothing of it.

    Raises:
        NotFound: no such patient for this caller.
        FollowUpInFuture: dated beyond the tolerance for a phone's clock.
        Invalid: something in it is not one that can be; the pointer says what.
        AlreadyExists: its id, or that of a record inside it, is taken by other content.
    """
    return records.post(work, FOLLOW_UP, patient_id, data)


def check_in(work: Work, patient_id: UUID, data: CheckInIn) -> Answer:
    """Store a patient's own follow-up; see `record`."""
    return records.post(work, CHECK_IN, patient_id, data)


def put_check_in(
    work: Work, patient_id: UUID, record_id: UUID, data: CheckInIn, named: frozenset[int] | None
) -> Answer:
    """Store a check-in at its id: new without If-Match, changed only on the version read."""
    return records.put(work, CHECK_IN, patient_id, record_id, data, named)


def page(
    work: Work,
    patient_id: UUID,
    kind: Kind[Any],
    page_: Page,
    secret: bytes,
    status: str | None,
    domain: str | None,
) -> Answer:
    """Give one page of follow-ups or check-ins; with `domain` those that carry it.

    Raises:
        NotFound: no such patient for this caller.
        InvalidParameter: no domain has this name.
    """
    where = []
    if domain is not None:
        name = domain.replace("-", "_")
        if name not in FollowUpIn.domain_types():
            raise InvalidParameter("is no domain", pointer="/query/domain")
        carried = literal(" ") + FollowUp.domains + literal(" ")
        where.append(carried.contains(f" {name} ", autoescape=True))
    return records.page(work, kind, patient_id, page_, secret, *where, with_errors=status == "all")


def keep(work: Work, person: Person, data: AnyFollowUp, place: Place) -> Answer:
    """Store one version of a follow-up, its numbers, and the records inside it."""
    contact = _contact(work, person, data)
    _check(work, person, contact, data)
    first = place.version == 1
    before = None
    if not first:
        before = journal.patched(work, type(data), place.record_id, place.version - 1, {})
    told = _dosage(work, person, contact, place, data)
    told += _reported(work, person, contact, place, data)
    short = _assessments(work, person, contact, place, data)
    heard = _side_effects(work, person, contact, place, data, before)
    if before is not None:
        _withdraw_gone(work, person, place.record_id, before, data)
    found: dict[str, Any] = {}
    facts = _facts(data)
    if isinstance(data, FollowUpIn):
        ahead = [ToldFacts(place.record_id, facts, contact.on)]
        found = medications.review_list(work, person, told=ahead)
        told += found.pop("opened_signals", [])
    answer = records.keep(
        work,
        FOLLOW_UP if isinstance(data, FollowUpIn) else CHECK_IN,
        person,
        place,
        data,
        columns={
            "kind": _kind(data),
            "occurred_at": data.occurred_at,
            "occurred_offset_min": _offset_min(data),
            "occurred_on": contact.on,
            "domains": " ".join(data.domains()),
        },
        derived=_derived(work, contact, data, short, heard, told)
        | found
        | _withdrawn(work, place.record_id, data),
    )
    assert answer.sequence is not None
    measurements.keep(
        work,
        person,
        place.record_id,
        answer.sequence,
        [*_readings(contact, data), *heard.readings],
        first_version=first,
        seen_on=contact.on,
    )
    told_of = list(_taking(data.dosage)) if data.dosage else []
    if told_of or not first:
        medications.keep_told(
            work,
            person,
            place.record_id,
            answer.sequence,
            contact.on,
            told_of,
            first_version=first,
        )
    if facts or (not first and isinstance(data, FollowUpIn)):
        patient_facts.keep_facts(work, person, place.record_id, answer.sequence, facts, contact.on)
    if heard.told or not first:
        side_effects.keep_readings(work, person, contact, place.record_id, heard, first=first)
    return answer


def _kind(data: ContactIn) -> str:
    return data.kind if isinstance(data, FollowUpIn) else "check_in"


def _offset_min(data: ContactIn) -> int:
    offset = data.occurred_at.utcoffset()
    assert offset is not None
    return int(offset.total_seconds() // 60)


# ---- rules


def _contact(work: Work, person: Person, data: ContactIn) -> Contact:
    if data.occurred_at > work.now + PHONE_CLOCK_TOLERANCE:
        raise FollowUpInFuture()
    on = person.day_of(data.occurred_at)
    if person.birth_date is not None and on < person.birth_date:
        raise Invalid("the birth date or later", pointer="/occurred_at")
    return Contact(on, data.occurred_at, person.zone or data.occurred_at.tzinfo)


def _check(work: Work, person: Person, contact: Contact, data: AnyFollowUp) -> None:
    for pointer, woke_on in data.sleep.nights(contact) if data.sleep else ():
        if woke_on > contact.on + timedelta(days=1):
            # One day of room: a traveller's morning may come before that of the zone at home.
            raise Invalid("not after the follow-up", pointer=f"/sleep/{pointer}")
        if person.birth_date is not None and woke_on < person.birth_date:
            raise Invalid("the birth date or later", pointer=f"/sleep/{pointer}")
    if data.dosage is not None:
        _check_medicines(work, person, data.dosage)
    if data.side_effects is not None:
        side_effects.check(work, person, data.side_effects.episodes)


def _check_medicines(work: Work, person: Person, dosage: CheckInDosage) -> None:
    named = list(dosage.medication_ids())
    try:
        medications.require_courses(work, person.id, [one for _, one in named], "/dosage")
    except Invalid:
        for at, medication_id in named:
            pointer = f"/dosage/{at}/medication_id"
            medications.require_courses(work, person.id, [medication_id], pointer)
        raise


# ---- the records inside


def _dosage(
    work: Work, person: Person, contact: Contact, place: Place, data: AnyFollowUp
) -> list[dict[str, Any]]:
    dosage = data.dosage
    if dosage is None:
        return []
    opened = []
    if isinstance(dosage, Dosage):
        for number, event in enumerate(dosage.dose_events):
            at = f"dosage/dose_events/{number}"
            event_id = event.id or uuid5(place.record_id, at)
            answer = medications.record_dose_event(
                work,
                person.id,
                event.medication_id,
                event.model_copy(update={"id": event_id}),
                pointer=f"/{at}",
            )
            opened += _opened(answer)
    kept = set()
    for number, one in enumerate(dosage.administrations):
        answer = medications.administer(
            work,
            person,
            one,
            one.medication_id,
            place.record_id,
            contact.on,
            place=number,
            pointer=f"/dosage/administrations/{number}",
        )
        kept.add(answer.record_id)
    if place.version > 1:
        ids = {one for one in kept if one is not None}
        medications.forget_reported(work, person, place.record_id, ids)
    return opened


def _taking(dosage: CheckInDosage) -> Iterator[medications.Told]:
    """Give what was told of taking each medicine: the dose, and the days missed."""
    for one in dosage.taking:
        yield medications.Told(
            one.medication_id,
            amount=one.dose.amount if one.dose else None,
            unit=one.dose.unit if one.dose else None,
            times_per_day=one.times_per_day,
        )
    for week in dosage.adherence:
        yield medications.Told(week.medication_id, days=week.days, missed_days=week.missed_days)


def _reported(
    work: Work, person: Person, contact: Contact, place: Place, data: ContactIn
) -> list[dict[str, Any]]:
    if not isinstance(data, FollowUpIn) or data.interactions is None:
        return []
    opened = []
    for number, substance in enumerate(data.interactions.reported):
        at = f"interactions/reported/{number}"
        substance_id = substance.id or uuid5(place.record_id, at)
        answer = medications.report_substance(
            work,
            person,
            substance.model_copy(update={"id": substance_id}),
            contact.on,
            pointer=f"/{at}",
        )
        opened += _opened(answer)
    return opened


def _facts(data: AnyFollowUp) -> dict[str, str]:
    """Give the facts of the person that were told, as the rules' questions name them."""
    if not isinstance(data, FollowUpIn) or data.interactions is None:
        return {}
    facts = data.interactions.facts
    return facts.model_dump(include={"pregnancy", "smoking"}, exclude_none=True) if facts else {}


def _opened(answer: Answer) -> list[dict[str, Any]]:
    """Give the signals that a record of this call opened; one that was there opened none now."""
    if answer.sequence is None:
        return []
    opened: list[dict[str, Any]] = orjson.loads(answer.body).get("opened_signals", [])
    return opened


def _assessments(
    work: Work, person: Person, contact: Contact, place: Place, data: ContactIn
) -> list[dict[str, Any]]:
    return [
        assessments.keep_within(
            work,
            person,
            one,
            occurred_at=contact.at,
            occurred_on=contact.on,
            follow_up_id=place.record_id,
            fallback_id=uuid5(place.record_id, f"assessments/{number}"),
            at=f"/assessments/{number}",
        )
        for number, one in enumerate(data.assessments)
    ]


def _side_effects(
    work: Work,
    person: Person,
    contact: Contact,
    place: Place,
    data: AnyFollowUp,
    before: AnyFollowUp | None,
) -> Heard:
    now, earlier = _told(data), _told(before) if before else ()
    if not (now or earlier):
        return Heard()
    return side_effects.hear(
        work, person, contact, place.record_id, now, earlier, first_version=place.version == 1
    )


def _brought(follow_up_id: UUID, data: ContactIn) -> dict[UUID, Kind[Any]]:
    """Give the ids of the dose events, reported substances and assessments of a follow-up."""
    found: dict[UUID, Kind[Any]] = {}
    groups: list[tuple[str, Any, Kind[Any]]] = [("assessments", data.assessments, assessments.KIND)]
    if isinstance(data, FollowUpIn):
        events = data.dosage.dose_events if data.dosage else ()
        reported = data.interactions.reported if data.interactions else ()
        groups += [
            ("dosage/dose_events", events, medications.DOSE_EVENT_WITHIN),
            ("interactions/reported", reported, medications.MEDICATION_WITHIN),
        ]
    for at, some, kind in groups:
        for number, one in enumerate(some):
            found[one.id or uuid5(follow_up_id, f"{at}/{number}")] = kind
    return found


def _withdrawn(work: Work, follow_up_id: UUID, data: AnyFollowUp) -> dict[str, Any]:
    """Name what this says and what was marked as entered in error at its own address."""
    ids = {*_brought(follow_up_id, data), *(one.id for one in _told(data) if one.id is not None)}
    gone = [
        {"type": known[-1].type, "id": str(record_id)}
        for record_id in sorted(ids)
        if (known := journal.versions(work, record_id)) and known[-1].action == "withdrawn"
    ]
    return {"withdrawn": gone} if gone else {}


def _told(data: AnyFollowUp) -> Sequence[SideEffectIn]:
    return data.side_effects.episodes if data.side_effects else ()


def _withdraw_gone(
    work: Work, person: Person, follow_up_id: UUID, before: AnyFollowUp, data: AnyFollowUp
) -> None:
    """Withdraw what the version before brought and this one no longer says."""
    still = _brought(follow_up_id, data)
    for record_id, kind in _brought(follow_up_id, before).items():
        if record_id not in still:
            _withdraw(work, person, follow_up_id, kind, record_id, None)
    if before.dosage is not None and data.dosage is None:
        medications.forget_reported(work, person, follow_up_id)


def _withdraw(
    work: Work,
    person: Person,
    follow_up_id: UUID,
    kind: Kind[Any],
    record_id: UUID,
    reason: str | None,
) -> None:
    """Mark one record as entered in error if this follow-up brought it, at the same moment.

    What was there before, and was only linked, is not the follow-up's to take back.
    """
    known = journal.versions(work, record_id)
    moments = {one.recorded_at for one in journal.versions(work, follow_up_id)}
    if not known or known[0].recorded_at not in moments:
        return
    row = work.first(select(kind.model).where(kind.model.id == record_id, *kind.rows(person.id)))
    if row is not None and row.status != "entered_in_error":
        records.withdraw(work, kind, person.id, record_id, frozenset({row.version}), reason)


def _leave(work: Work, person: Person, row: Record, reason: str | None) -> dict[str, Any]:
    """Mark the medicines that a follow-up brought as entered in error, and check what is left."""
    assert isinstance(row, FollowUp)
    data = journal.patched(work, FollowUpIn, row.id, row.version, {})
    for record_id, kind in _brought(row.id, data).items():
        if kind is not assessments.KIND:
            _withdraw(work, person, row.id, kind, record_id, reason)
    return medications.review_list(work, person, told=[ToldFacts(row.id, {}, row.occurred_on)])


def _forget(work: Work, person: Person, row: Record, answer: Answer) -> None:
    """Take back a withdrawn follow-up's numbers, and mark the rest of what it brought."""
    assert answer.sequence is not None
    assert isinstance(row, FollowUp)
    body = CheckInIn if row.kind == "check_in" else FollowUpIn
    data: Any = journal.patched(work, body, row.id, row.version, {})
    reason = orjson.loads(answer.body).get("withdrawn_because")
    measurements.retract(work, row.id, answer.sequence)
    assessments.withdraw_within(work, person, row.id, reason)
    medications.forget_reported(work, person, row.id)
    medications.retract_told(work, person.id, row.id, answer.sequence)
    patient_facts.retract_facts(work, person, row.id, answer.sequence)
    side_effects.take_back(work, person, row.id, _told(data), reason)


FOLLOW_UP = Kind(
    "follow_up",
    FollowUp,
    FollowUpIn,
    keep,
    _forget,
    "occurred_at",
    FollowUp.kind != "check_in",
    _leave,
)
CHECK_IN = Kind(
    "check_in", FollowUp, CheckInIn, keep, _forget, "occurred_at", FollowUp.kind == "check_in"
)


# ---- numbers and answer


def _readings(contact: Contact, data: ContactIn) -> list[Reading]:
    return [one for domain in data.domains().values() for one in domain.readings(contact)]


def _derived(
    work: Work,
    contact: Contact,
    data: AnyFollowUp,
    short: list[dict[str, Any]],
    heard: Heard,
    opened: list[dict[str, Any]],
) -> dict[str, Any]:
    """Give what the answer says beside what was sent; the short forms replace the answers."""
    domains = data.domains()
    for one in short:
        opened += one.pop("opened_signals")
    opened += heard.opened_signals
    derived: dict[str, Any] = {
        "kind": _kind(data),
        "occurred_on": contact.on,
        "domains": list(domains),
        "opened_signals": opened,
        **_clock(work, data),
    }
    if short:
        derived["assessments"] = short
    if heard.entries:
        derived["side_effects"] = {"episodes": heard.entries}
    for name, domain in domains.items():
        if beside := domain.beside(contact):
            derived[name] = domain.model_dump(mode="json", exclude_unset=True) | beside
    if work.actor.source == "patient" and (heard.opened_signals or _answers_risk(work, data)):
        derived["safety_notice"] = notice.told(work)
    return derived


def _clock(work: Work, data: ContactIn) -> Mapping[str, Any]:
    """Keep the device's clock beside the content: it says when, never what."""
    told: dict[str, Any] = {}
    if data.client_time is not None:
        told = data.model_dump(mode="json", include={"client_time"})
    if data.sent_at is not None:
        skew = (work.now - data.sent_at).total_seconds()
        told["clock_skew_s"] = skew
        if abs(skew) > CLOCK_SKEW_FLAGGED_S:
            told["flags"] = ["clock_skew"]
    return told


def _answers_risk(work: Work, data: ContactIn) -> bool:
    """Say whether an item was answered that a person has to see, whatever the answer is."""
    return any(
        asks_about_risk(known, {int(item) for item in one.answers or {}})
        for one in data.assessments
        if (known := measurements.instrument(work, one.instrument)) is not None
    )
