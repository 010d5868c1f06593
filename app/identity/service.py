"""Clinics and their users: who is a member, and whose token was taken back."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, exists, func, select, update
from sqlalchemy.orm import Session

from app.core.actor import Actor, Role
from app.core.db import Call, Work
from app.core.errors import Unauthenticated
from app.core.questions import Lookup, Question
from app.core.scope import of_clinics, open_to
from app.identity.models import Clinic, RevokedToken, User
from app.journal import service as journal

DEFAULT_CLINIC = UUID("00000000-0000-7000-8000-000000000000")
BUILT_IN: tuple[Role, ...] = (
    "prescriber",
    "care_team",
    "system",
    "administrator",
    "privacy_officer",
)


def built_in_user(clinic_id: UUID, role: str) -> UUID:
    """Give the id of a clinic's one built-in user of a role."""
    return uuid5(clinic_id, f"user:{role}")


def built_in_actor(clinic_id: UUID, role: Role) -> Actor:
    """Give a clinic's built-in user as the caller of a command."""
    return Actor(clinic_id, built_in_user(clinic_id, role), role, "titrate", "-")


def patient_user(clinic_id: UUID, patient_id: UUID) -> UUID:
    """Give the id of the user that a patient's own tokens name."""
    return uuid5(clinic_id, f"patient:{patient_id}")


def found_clinic(session: Session, clinic_id: UUID, name: str, now: datetime) -> bool:
    """Make a clinic with its built-in users and the heads of its chains; False if it is there.

    The one place that writes outside the writer: a clinic must exist before it can be locked.
    """
    open_to(session.connection(), clinic_id)
    options = of_clinics(clinic_id)
    if session.execute(select(Clinic.clinic_id), execution_options=options).first() is not None:
        return False
    session.add(Clinic(clinic_id=clinic_id, name=name, created_at=now))
    session.flush()
    for role in BUILT_IN:
        user_id = built_in_user(clinic_id, role)
        session.add(
            User(
                clinic_id=clinic_id, id=user_id, name=role, role=role, active=True, patient_id=None
            )
        )
    journal.begin_chains(session, clinic_id)
    session.flush()
    return True


_MEMBERS = Lookup(
    User,
    (User.clinic_id, User.id, User.role, journal.any_sealed(User.clinic_id)),
    User.id,
    (User.active,),
)
_REVOKED = Lookup(
    RevokedToken, (RevokedToken.clinic_id, RevokedToken.token_id), RevokedToken.token_id
)


def recall(works: Sequence[tuple[Call, Work]]) -> Iterator[Question]:
    """Ask once which callers of a batch are members, and whose token was taken back."""
    actors = {work.actor: work for _call, work in works}

    def learn_members(rows: list[list[Any]]) -> None:
        known = {tuple(row[:3]): bool(row[3]) for row in rows}
        for actor, work in actors.items():
            member = (str(actor.clinic_id), str(actor.user_id), actor.role)
            work.memory["member", actor.user_id, actor.token_id] = member in known
            if known.get(member):
                work.memory[journal.ANY_SEALED] = True

    def learn_revoked(rows: list[list[Any]]) -> None:
        revoked = {tuple(row) for row in rows}
        for actor, work in actors.items():
            if (str(actor.clinic_id), actor.token_id) in revoked:
                work.memory["member", actor.user_id, actor.token_id] = False

    yield Question(_MEMBERS, {actor.user_id for actor in actors}, learn_members)
    yield Question(_REVOKED, {actor.token_id for actor in actors}, learn_revoked)


def admit(work: Work) -> None:
    """Let a member in.

    Raises:
        Unauthenticated: no such active user of this role in the clinic, or a revoked token.
    """
    actor = work.actor

    def ask() -> bool:
        revoked = exists().where(
            RevokedToken.clinic_id == User.clinic_id, RevokedToken.token_id == actor.token_id
        )
        found = work.first(
            select(revoked.label("revoked"), journal.any_sealed(User.clinic_id).label("sealed"))
            .select_from(User)
            .where(User.id == actor.user_id, User.role == actor.role, User.active)
        )
        work.memory[journal.ANY_SEALED] = bool(found and found.sealed)
        return found is not None and not found.revoked

    if not work.remember(("member", actor.user_id, actor.token_id), ask):
        raise Unauthenticated()


def enrol(work: Work, user_id: UUID, name: str, role: Role, patient_id: UUID | None) -> None:
    """Add a user of the clinic, or leave the one that is there."""
    if work.first(select(User.id).where(User.id == user_id)) is None:
        work.add(User, id=user_id, name=name, role=role, active=True, patient_id=patient_id)


def revoke(work: Work, token_id: str) -> None:
    """Take back at once a token, or all tokens of a device; what is taken back stays so."""
    known = work.first(select(RevokedToken.token_id).where(RevokedToken.token_id == token_id))
    if known is None:
        work.add(RevokedToken, token_id=token_id, revoked_at=work.now)


def close(work: Work, patient_id: UUID) -> None:
    """End the tokens of a patient and of the proxies: their users are members no more."""
    work.change_where(update(User).where(User.patient_id == patient_id).values(active=False))


def names(work: Work, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """Give the names of some users of the clinic."""
    rows = work.all(select(User.id, User.name).where(User.id.in_(user_ids)))
    return {row.id: row.name for row in rows}


def clinics(connection: Connection) -> Sequence[UUID]:
    """Give all clinics of this installation, for work that belongs to none of them."""
    every = func.clinic_ids() if connection.dialect.name == "postgresql" else Clinic.clinic_id
    return connection.execute(select(every)).scalars().all()


def people(work: Work, user_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Give what may be said of some users of the clinic: name, role, whether they are active."""
    rows = work.all(select(User.id, User.name, User.role, User.active).where(User.id.in_(user_ids)))
    return {row.id: {"name": row.name, "role": row.role, "active": row.active} for row in rows}


def members(work: Work, role: Role) -> Sequence[UUID]:
    """Give the active users of a role."""
    found: Sequence[UUID] = work.all(
        select(User.id).where(User.role == role, User.active).order_by(User.id)
    )
    return found
