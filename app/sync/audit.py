"""Who saw what, and whether anything was changed behind our back."""

from collections.abc import Sequence
from typing import Any, get_args
from uuid import UUID

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from sqlalchemy import ColumnElement

from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import InvalidParameter
from app.core.pagination import Page
from app.identity import service as identity
from app.identity.tokens import ALGORITHM, Issuer
from app.journal import access, chain, verification
from app.journal.chain import Head

HEAD = "head+jwt"


def receipts(work: Work, patient_id: UUID, page_: Page, secret: bytes) -> Answer:
    """Tell a patient who was shown what they sent, the newest first."""
    where = [*access.seen_by_others(patient_id, work.actor.user_id)]
    if work.hidden is not None:
        # A therapist who reads the notes of a psychotherapy leaves no trace of them here.
        where.append(access.not_of(work.hidden))
    rows, next_ = access.page(work, f"receipts {patient_id}", page_, secret, *where)
    names = identity.names(work, {row.actor_id for row in rows})
    items = [
        {
            "at": row.at,
            "by": {"id": row.actor_id, "role": row.actor_role, "name": names.get(row.actor_id)},
            "action": row.action,
            "operation": row.operation,
            "record_id": row.resource_id,
            "purpose": row.purpose,
        }
        for row in rows
    ]
    return _page(items, next_)


def access_log(
    work: Work,
    patient_id: UUID | None,
    actor_id: UUID | None,
    page_: Page,
    secret: bytes,
) -> Answer:
    """Give the clinic's access log, the newest first: all of it, of a patient, or of a user."""
    where: list[ColumnElement[bool]] = []
    if patient_id is not None:
        where.append(access.about(patient_id))
    if actor_id is not None:
        where.append(access.by(actor_id))
    name = f"access {patient_id} {actor_id}"
    rows, next_ = access.page(work, name, page_, secret, *where)
    return _page([row._asdict() for row in rows], next_)


def _page(items: Sequence[dict[str, Any]], next_: str | None) -> Answer:
    return Answer(orjson.dumps({"items": items, "next": next_}), next=next_)


def verify(work: Work, issuer: Issuer, exported: str | None = None) -> Answer:
    """Recompute both chains of the clinic, and hold them to a head that was exported before.

    Raises:
        InvalidParameter: the exported head is not one that we signed for this clinic.
    """
    before = read_heads(work, issuer, exported) if exported else {}
    chains = []
    for kind in get_args(chain.Kind):
        rows, broken_at = verification.verify(work, kind)
        known = before.get(kind)
        if broken_at is None and known is not None and not verification.stands(work, kind, known):
            broken_at = known.sequence
        chains.append(
            {"kind": kind, "rows": rows, "holds": broken_at is None, "broken_at": broken_at}
        )
    told = {
        "holds": all(one["holds"] for one in chains),
        "chains": chains,
        "signed_head": sign_heads(work, issuer),
    }
    return Answer(orjson.dumps(told))


def sign_heads(work: Work, issuer: Issuer) -> str:
    """Sign where both chains stand now, to be kept somewhere else."""
    claims = {
        "clinic": str(work.actor.clinic_id),
        "iat": int(work.now.timestamp()),
        "heads": {
            kind: [head.sequence, head.hash] for kind, head in verification.heads(work).items()
        },
    }
    return jwt.encode({"alg": ALGORITHM, "typ": HEAD}, claims, issuer.key)


def read_heads(work: Work, issuer: Issuer, exported: str) -> dict[str, Head]:
    """Read an exported head of this clinic."""
    try:
        decoded = jwt.decode(exported.strip(), issuer.key, algorithms=[ALGORITHM])
        if decoded.header.get("typ") != HEAD:
            raise ValueError
        if decoded.claims["clinic"] != str(work.actor.clinic_id):
            raise ValueError
        return {kind: Head(*head) for kind, head in decoded.claims["heads"].items()}
    except (JoseError, KeyError, TypeError, ValueError):
        raise InvalidParameter("a head that we signed for this clinic", pointer="/head") from None
