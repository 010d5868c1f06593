"""Keeps the episodes of a patient in step with all that was told of them, in any order.

An episode has a record of its own from the start, or it is made of readings (`from_readings`)
and follows them: `episodes` says how. Once a person corrects it at its own address it is that
person's, and readings move it no more, but for an end that it does not state itself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID, uuid5

import orjson
from sqlalchemy import select

from app.core.db import Work
from app.core.errors import Invalid
from app.core.wire import read
from app.followups.domains.side_effects import SideEffectIn
from app.followups.episode_records import (
    TOLD,
    Key,
    keep_version,
    key_of,
    key_of_row,
    of_effects,
    opened_id,
)
from app.followups.episodes import Ends, Span, Stated, Told, spans
from app.followups.models import SideEffect, SideEffectReading
from app.journal import service as journal
from app.patients import records
from app.patients.records import Place
from app.patients.service import Person


@dataclass(slots=True)
class Effect:
    """What one record says of one effect now, and what it said before and says no more."""

    entry: SideEffectIn | None = None
    told: Told | None = None
    pointer: str = ""
    stated: list[Stated] = field(default_factory=list)
    ends_before: set[date] = field(default_factory=set)


def told_by(record_id: UUID, day: date, said: SideEffectIn | SideEffectReading) -> Told:
    """Read an entry, or the row that is kept of one."""
    return Told(record_id, day, said.severity, said.onset_on, said.ended_on)


def settle(
    work: Work,
    person: Person,
    effects: Mapping[Key, Effect],
    without: Collection[UUID],
    *,
    follow_up_id: UUID | None = None,
    first_version: bool = False,
) -> dict[Key, UUID | None]:
    """Bring the episodes of some effects in step with all that was told of them.

    without: rows that this call has written or withdrawn already.
    Gives the episode that the record's reading belongs to, None where it has none.
    """
    rows: dict[Key, list[SideEffect]] = {key: [] for key in effects}
    for row in work.all(
        select(SideEffect)
        .where(
            SideEffect.patient_id == person.id,
            SideEffect.term.in_({term for term, _said in effects}),
            SideEffect.status != "entered_in_error",
            SideEffect.id.not_in(without),
        )
        .order_by(SideEffect.onset_on, SideEffect.id)
    ):
        rows.get(key_of_row(work, row), []).append(row)
    found: dict[Key, UUID | None] = {}
    if first_version:
        for key, effect in effects.items():
            if effect.told and not effect.stated and (at := _in_place(effect.told, rows[key])):
                found[key] = at.id if isinstance(at, SideEffect) else None
    left = [key for key in effects if key not in found]
    told: dict[Key, list[Told]] = {key: [] for key in left}
    if any(rows[key] or effects[key].stated or not first_version for key in left):
        for one in work.all(
            select(SideEffectReading).where(
                *of_effects(person, left), SideEffectReading.record_id != follow_up_id
            )
        ):
            told[one.term, one.said].append(told_by(one.record_id, one.day, one))
    for key in left:
        found[key] = _reconcile(work, person, key, effects[key], rows[key], told[key])
    return found


_NOWHERE = object()


def _in_place(told: Told, rows: Sequence[SideEffect]) -> SideEffect | object | None:
    """Give the episode that a new reading joins without moving any, `_NOWHERE` where it is a
    mere "absent" outside of all, and None where the episodes have to be looked at again.
    """
    if not told.shows:
        within = [row for row in rows if _span(row).covers(told.day)]
        return within[-1] if within else _NOWHERE
    going_on = [row for row in rows if row.ended_on is None and row.onset_on <= told.on]
    if told.ended_on is not None or not going_on:
        return None
    row = going_on[-1]
    earlier = told.onset_on is not None and told.onset_on < row.onset_on and row.from_readings
    stated_now = told.onset_on == row.onset_on and row.onset_assumed
    return None if earlier or stated_now else row


def _span(row: SideEffect) -> Span:
    return Span(0, row.onset_on, row.onset_assumed, row.ended_on)


def _reconcile(
    work: Work,
    person: Person,
    key: Key,
    effect: Effect,
    rows: Sequence[SideEffect],
    known: list[Told],
) -> UUID | None:
    """Make, move, end and withdraw the episodes of one effect; give that of its new reading."""
    told = [*known, effect.told] if effect.told else known
    named = {one.ended_on for one in told}
    taken_back = effect.ends_before - named
    stated = effect.stated + [
        Stated(row.id, row.onset_on, None if row.ended_on in taken_back else row.ended_on)
        for row in rows
        if not row.from_readings
    ]
    ends = Ends.of(told, stated)
    left = [row for row in rows if row.from_readings]
    by_id = {row.id: row for row in rows}
    mine = None
    for span in spans(told, stated, ends):
        if span.stated is not None:
            episode_id = span.stated
            row = by_id.get(episode_id)
            if row is not None and row.ended_on != span.ended_on:
                _move(work, person, row, span)
        else:
            assert span.first is not None
            _require_begun(effect, span, stated)
            own = opened_id(span.first.record_id, key)
            row = next(
                (row for row in left if ends.before(row.onset_on) == span.number or row.id == own),
                None,
            )
            if row is None:
                episode_id = _open(work, person, key, effect, span)
            else:
                left.remove(row)
                episode_id = row.id
                if _span(row) != replace(span, number=0, first=None):
                    _move(work, person, row, span)
        if effect.told and _belongs(effect.told, span, ends):
            mine = episode_id
    for row in left:
        records.withdraw(work, TOLD, person.id, row.id, frozenset({row.version}), None)
    return mine


def _belongs(told: Told, span: Span, ends: Ends) -> bool:
    return ends.before(told.on) == span.number if told.shows else span.covers(told.day)


def _require_begun(effect: Effect, span: Span, stated: Sequence[Stated]) -> None:
    """Refuse an end of what is going on that lies before its onset."""
    told = effect.told
    if told is None or span.first is not told or told.severity > 0:
        return
    if any(one.ended_on is None and one.onset_on <= told.day for one in stated):
        raise Invalid("the onset or later", pointer=f"{effect.pointer}/ended_on")


def _open(work: Work, person: Person, key: Key, effect: Effect, span: Span) -> UUID:
    """Make an episode of readings: the content is that of the first one."""
    assert span.first is not None
    first = span.first
    entry = effect.entry if first is effect.told else _entry_of(work, first.record_id, key)
    assert entry is not None
    changed = {name: day for name, day in _days(span).items() if getattr(entry, name) != day}
    episode_id = opened_id(first.record_id, key)
    while journal.versions(work, episode_id):
        episode_id = uuid5(episode_id, "again")
    keep_version(
        work,
        person,
        entry.model_copy(update={"id": episode_id, **changed}),
        Place(episode_id),
        reported_on=first.day,
        reported_in=first.record_id,
        assumed_onset=span.onset_on,
        from_readings=True,
    )
    return episode_id


def _move(work: Work, person: Person, row: SideEffect, span: Span) -> None:
    """Change when an episode began or ended, and who told of it first."""
    days = _days(span) if row.from_readings else {"ended_on": span.ended_on}
    patch = {name: day.isoformat() if day else None for name, day in days.items()}
    first = span.first
    keep_version(
        work,
        person,
        journal.patched(work, SideEffectIn, row.id, row.version, patch),
        Place(row.id, row.version + 1, row),
        reported_on=first.day if first else None,
        reported_in=first.record_id if first else None,
        assumed_onset=span.onset_on,
        from_readings=row.from_readings,
        asserts=False,
    )


def _days(span: Span) -> dict[str, date | None]:
    """Give what the record of an episode states of its days."""
    return {
        "onset_on": None if span.onset_assumed else span.onset_on,
        "ended_on": span.ended_on,
    }


def _entry_of(work: Work, follow_up_id: UUID, key: Key) -> SideEffectIn:
    """Give what a follow-up said of an effect."""
    body = journal.body_at(work, follow_up_id, journal.versions(work, follow_up_id)[-1].version)
    entries = (
        read(SideEffectIn, orjson.dumps(entry)) for entry in body["side_effects"]["episodes"]
    )
    return next(entry for entry in entries if entry.id is None and key_of(entry) == key)
