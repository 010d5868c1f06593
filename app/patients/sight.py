"""Who may see what: the care relation, broken glass, and the classes that need a consent."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from uuid import UUID

from sqlalchemy import select

from app.core.actor import CLINICIANS, PART_2
from app.core.db import Work
from app.journal import service as journal
from app.patients.models import BrokenGlass, CareRelation, Consent

EMERGENCY = "ETREAT"
OFFICERS = frozenset({"administrator", "privacy_officer"})
"""They have no clinical content; what they verify and erase is the whole of it."""


def may_see(work: Work, patient_id: UUID) -> bool:
    """Say whether this caller may see this patient's record in this request.

    Through broken glass a clinician reads, and writes nothing.
    """
    actor = work.actor
    if actor.role in CLINICIANS:
        if work.remember(("cares", patient_id, actor.user_id), lambda: _cares(work, patient_id)):
            return True
        if work.trace.method == "GET" and has_broken_glass(work, patient_id):
            work.trace.purpose = EMERGENCY
            return True
        return False
    return actor.role == "system" or actor.patient_id == patient_id


def _cares(work: Work, patient_id: UUID) -> bool:
    found = work.first(
        select(CareRelation.user_id).where(
            CareRelation.patient_id == patient_id, CareRelation.user_id == work.actor.user_id
        )
    )
    return found is not None


def has_broken_glass(work: Work, patient_id: UUID) -> bool:
    """Say whether the caller broke the glass before this patient, and it is still open."""
    found = work.first(
        select(BrokenGlass.id).where(
            BrokenGlass.patient_id == patient_id,
            BrokenGlass.user_id == work.actor.user_id,
            BrokenGlass.expires_at > work.now,
            BrokenGlass.stopped_at.is_(None),
        )
    )
    return found is not None


def blind(work: Work) -> None:
    """Hide the sealed records that this caller lacks consent to, from every question to come.

    Nothing is asked in a clinic that has no sealed records.
    """
    actor = work.actor
    if not work.memory.get(journal.ANY_SEALED) or actor.role in OFFICERS:
        return
    work.hidden = journal.hidden_from(work, _consented(work))


def _consented(work: Work) -> Mapping[str, Collection[UUID]]:
    """Give the patients who let this caller see a class of sealed records, by class.

    The last word counts. It holds to the end of its last day, by UTC.
    """

    def ask() -> Mapping[str, Collection[UUID]]:
        rows = work.all(
            select(Consent.patient_id, Consent.category, Consent.given, Consent.until)
            .where(Consent.recipient_id == work.actor.user_id, Consent.status != "entered_in_error")
            .order_by(Consent.recorded_at, Consent.id)
        )
        last = {(row.category, row.patient_id): row for row in rows}
        today = work.now.date()
        found: dict[str, list[UUID]] = defaultdict(list)
        for (category, patient_id), row in last.items():
            if row.given and (row.until is None or row.until >= today):
                found[category].append(patient_id)
        return found

    return work.remember(("consented", work.actor.user_id), ask)


def consented_at(work: Work, sequence: int, day: date) -> frozenset[tuple[str, UUID]]:
    """Give each class and patient that a consent opened to this caller, as known at a sequence.

    As `_consented`: the last word counts, to the end of its last day.
    """
    # A consent is sealed from whom it names.
    whole = replace(work, hidden=None)
    ids = whole.all(select(Consent.id).where(Consent.recipient_id == work.actor.user_id))
    words = journal.answers_known_at(whole, ids, sequence)
    last = {
        (word["category"], UUID(word["patient_id"])): word
        for _sequence, word in sorted(words, key=lambda known: known[0])
    }
    return frozenset(
        opened
        for opened, word in last.items()
        if word.get("given", True)
        and (word.get("until") is None or date.fromisoformat(word["until"]) >= day)
    )


def note_disclosure(work: Work, patient_id: UUID) -> None:
    """Say with the access, and so with the answer, that it may show substance-use records."""
    actor = work.actor
    if work.hidden is None or actor.patient_id == patient_id:
        return
    consented = _consented(work).get(journal.SUBSTANCE_USE, ())
    shown = work.remember(
        ("disclosed", actor.user_id), lambda: journal.disclosed_to(work, consented)
    )
    if patient_id in shown and work.trace.purpose != EMERGENCY:
        work.trace.purpose = PART_2
