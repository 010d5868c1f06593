"""What the house knows of medicines, as it is served: candidates, never a silent choice."""

from dataclasses import asdict
from typing import Any

import orjson

from app.clinical import medications
from app.clinical.medications import Substance
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import InvalidParameter, NotFound


def look_up(_work: Work, text: str | None, system: str | None, code: str | None) -> Answer:
    """Give candidates for a text, or the substances that a code stands for.

    Raises:
        InvalidParameter: neither a text nor a system with its code, or both.
    """
    by_code = system is not None and code is not None
    if (text is not None) == by_code or (system is None) != (code is None):
        raise InvalidParameter("either text, or system and code", pointer="/query/text")
    found: list[tuple[Substance, str, float | None]]
    if system is not None and code is not None:
        found = [(one, "code", None) for one in medications.find(system, code)]
    else:
        found = [(one.substance, one.by, one.score) for one in medications.candidates(text or "")]
    items = [
        {
            "reference_id": one.reference_id,
            "name": one.name,
            "display": one.tall_man,
            "kind": one.kind,
            "by": by,
            "score": score,
        }
        for one, by, score in found
    ]
    return _answer({"items": items, "reference": _version()})


def show(_work: Work, reference_id: str) -> Answer:
    """Give one entry whole.

    Raises:
        NotFound: the reference has no such id.
    """
    found = medications.by_id(reference_id)
    if found is None:
        raise NotFound()
    return _answer({**_told(found), "reference": _version()})


def _told(substance: Substance) -> dict[str, Any]:
    entry = asdict(substance)
    entry["classes"] = sorted(substance.classes)
    entry["display"] = substance.tall_man
    return entry


def _version() -> dict[str, Any]:
    version, written_on = medications.version()
    return {"version": version, "date": written_on}


def _answer(body: dict[str, Any]) -> Answer:
    return Answer(orjson.dumps(body, default=str))
