"""Erases again, in a record that was restored from a backup, what was erased since it was made.

Nobody may be served from it before: `titrate erasures --apply FILE` comes first.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError
from sqlalchemy import Engine

from app.core.db import Writer
from app.core.errors import Forbidden, Invalid
from app.identity import service as identity
from app.journal.purge import purge
from app.sync import erasure
from app.sync.erasure import ErasureIn, ErasureMove

BASIS = "erased before this record was restored"


def read_list(raw: bytes) -> list[tuple[ErasureIn, ErasureMove]]:
    """Read what `titrate erasures --export` wrote.

    Raises:
        Invalid: it is no such list.
    """
    try:
        listed = orjson.loads(raw)
        if isinstance(listed, list):
            return [_read(one) for one in listed]
    except (ValidationError, orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
        pass
    raise Invalid("not a list that `titrate erasures --export` wrote")


def _read(one: dict[str, Any]) -> tuple[ErasureIn, ErasureMove]:
    basis = one.pop("legal_basis") or BASIS
    request = {name: value for name, value in one.items() if value is not None}
    move = {"patient_id": one["patient_id"], "state": "done", "legal_basis": basis}
    return (
        ErasureIn.model_validate_json(orjson.dumps(request)),
        ErasureMove.model_validate_json(orjson.dumps(move)),
    )


def erase_again(
    writer: Writer, engine: Engine, clinic_id: UUID, listed: list[tuple[ErasureIn, ErasureMove]]
) -> Iterator[UUID]:
    """Do each listed request that this record does not know as done; gives their ids.

    Raises:
        TitrateError: it cannot be done; what was done before stays done.
    """
    begun = [
        (request.id, move, named)
        for request, move in listed
        if request.id is not None
        and (named := _erase(writer, clinic_id, request, move)) is not None
    ]
    purged = bool(begun) and purge(engine, erasure.tables())
    officer = identity.built_in_actor(clinic_id, "privacy_officer")
    for request_id, move, named in begun:
        args = (move.patient_id, request_id, move, named, purged)
        writer.run(erasure.finish, officer, *args, operation="erase_again")
        yield request_id


def _erase(
    writer: Writer, clinic_id: UUID, request: ErasureIn, move: ErasureMove
) -> frozenset[int] | None:
    """Take the content out; gives the version of the request, None where it was done already."""
    patient_id = request.patient_id
    officer = identity.built_in_actor(clinic_id, "privacy_officer")
    version = writer.run(
        erasure.receive_again, officer, patient_id, request, operation="erase_again"
    )
    if version is None:
        return None
    named = frozenset({version})
    args = (patient_id, request.id, move, named)
    try:
        writer.run(erasure.erase, officer, *args, operation="erase_again")
    except Forbidden:
        # Everything goes by a second person, and this one received it.
        second = identity.built_in_actor(clinic_id, "administrator")
        writer.run(erasure.erase, second, *args, operation="erase_again")
    return named
