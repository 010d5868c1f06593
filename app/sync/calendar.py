"""The patient's reminders as a calendar that any phone subscribes to, with nothing clinical in it.

A calendar app sends no token, so the address is the key: clinic, patient, how often it was taken
back, and a signature over them. It reads reminders and opens nothing else.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from hmac import compare_digest, digest
from typing import NamedTuple
from uuid import UUID, uuid5

import orjson
from icalendar import Alarm, Calendar, Event
from sqlalchemy import select

from app.care import plan
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import NotFound
from app.patients import service as patients
from app.patients.service import Person
from app.sync.models import CalendarAddress

ENTRY, REVIEW = "Time for your entry", "Your plan is looked at again"
"""All that it says: whoever sees the phone learns no more."""
AT = time(9)
MEDIA_TYPE = "text/calendar; charset=utf-8"
_SIGNED = 18
_IDS = 32


class Address(NamedTuple):
    """What an address says, its signature checked."""

    clinic_id: UUID
    patient_id: UUID
    revoked: int


def write_address(secret: bytes, address: Address) -> str:
    """Sign an address; 18 bytes of it cannot be guessed."""
    said = address.clinic_id.bytes + address.patient_id.bytes + address.revoked.to_bytes(4, "big")
    return urlsafe_b64encode(said + _sign(secret, said)).decode()


def read_address(secret: bytes, text: str) -> Address:
    """Read an address.

    Raises:
        NotFound: it is not one of ours.
    """
    try:
        raw = urlsafe_b64decode(text)
    except ValueError:
        raise NotFound() from None
    said, signature = raw[:-_SIGNED], raw[-_SIGNED:]
    if len(said) != _IDS + 4 or not compare_digest(signature, _sign(secret, said)):
        raise NotFound()
    return Address(UUID(bytes=said[:16]), UUID(bytes=said[16:_IDS]), int.from_bytes(said[_IDS:]))


def _sign(secret: bytes, said: bytes) -> bytes:
    return digest(secret, b"calendar|" + said, "sha256")[:_SIGNED]


def show_address(work: Work, patient_id: UUID, secret: bytes, base: str) -> Answer:
    """Give the address that opens the calendar now."""
    patients.get(work, patient_id)
    return _told(work, patient_id, _revoked(work, patient_id), secret, base)


def take_back(work: Work, patient_id: UUID, secret: bytes, base: str) -> Answer:
    """Close the address that was handed out, and give a new one."""
    patients.get(work, patient_id)
    revoked = _revoked(work, patient_id) + 1
    work.add(CalendarAddress, patient_id=patient_id, revoked=revoked)
    return _told(work, patient_id, revoked, secret, base)


def _told(work: Work, patient_id: UUID, revoked: int, secret: bytes, base: str) -> Answer:
    address = write_address(secret, Address(work.actor.clinic_id, patient_id, revoked))
    return Answer(orjson.dumps({"url": f"{base}{address}.ics"}))


def _revoked(work: Work, patient_id: UUID) -> int:
    known: int | None = work.first(
        select(CalendarAddress.revoked).where(CalendarAddress.patient_id == patient_id)
    )
    return known or 0


def show(work: Work, patient_id: UUID, address: Address) -> Answer:
    """Give the reminders: an entry a day, and the day on which the plan is looked at again.

    Raises:
        NotFound: the address was taken back, or the patient is not there any more.
    """
    person = patients.get(work, patient_id)
    if _revoked(work, patient_id) != address.revoked:
        raise NotFound()
    calendar = Calendar()
    calendar.add("prodid", "-//Titrate//reminders//EN")
    calendar.add("version", "2.0")
    for event in _events(work, person):
        calendar.add_component(event)
    return Answer(calendar.to_ical(), media_type=MEDIA_TYPE)


def _events(work: Work, person: Person) -> Iterator[Event]:
    today = person.today(work.now)
    # Without a zone it is nine o'clock wherever the phone is.
    daily = _event(work, person, ENTRY, datetime.combine(today, AT))
    daily.add("duration", timedelta(minutes=5))
    daily.add("rrule", {"freq": "daily"})
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", ENTRY)
    alarm.add("trigger", timedelta(0))
    daily.add_component(alarm)
    yield daily
    agreed = plan.agreed_with(work, person)
    if agreed is not None and agreed.next_review.due_on is not None:
        yield _event(work, person, REVIEW, agreed.next_review.due_on)


def _event(work: Work, person: Person, words: str, start: date) -> Event:
    event = Event()
    event.add("uid", str(uuid5(person.id, words)))
    event.add("dtstamp", work.now.astimezone(UTC))
    event.add("summary", words)
    event.add("dtstart", start)
    event.add("transp", "TRANSPARENT")
    event.add("class", "PRIVATE")
    return event
