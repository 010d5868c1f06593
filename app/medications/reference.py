"""The reference as it is served: the house's files, each with version, date and source, and what
the clinic added. A look-up gives candidates, never a silent choice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import cache
from typing import Any, Literal

import orjson

from app.clinical import medications
from app.clinical.medications import Candidate, Substance
from app.core.actor import CLINICIANS, Actor
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import InvalidParameter, NotFound
from app.measurements import own_reference
from app.medications import own, own_entries

Kind = Literal["follow_up", "interactions", "monitoring", "side_effects", "titrations"]

FILES: Mapping[Kind, tuple[str, str]] = {
    "follow_up": ("followup.yaml", "intervals"),
    "interactions": ("interactions.yaml", "rules"),
    "monitoring": ("monitoring.yaml", "entries"),
    "side_effects": ("side_effects.yaml", "effects"),
    "titrations": ("titration.yaml", "titrations"),
}
"""The file of each kind, and the member of it that holds the entries."""

FOR_PRESCRIBERS = frozenset(
    {
        "action",
        "bands",
        "equivalents",
        "first_up_to",
        "management",
        "max_daily",
        "notes",
        "pregnancy_note",
        "taper",
        "usual_range",
        "usual_start",
    }
)
"""Texts and numbers on doses, tapers and actions: no patient is told what to do by a table."""


# ---- every kind but medications


def list_kind(work: Work, kind: Kind) -> Answer:
    """Give a file of the house: its version, date and licence, and every entry of it.

    The clinic's own entries come last.
    """
    file, member = _file(kind), FILES[kind][1]
    about = {name: value for name, value in file.items() if name != member}
    every = [{**one, "origin": "house"} for one in file[member]]
    every += [{**one, "origin": "clinic"} for one in own_reference.entries(work, kind).values()]
    return _answer({"reference": about, "items": _seen_by(work.actor, every)})


def show_kind(work: Work, kind: Kind, entry_id: str) -> Answer:
    """Give one entry of a file of the house, or of the clinic's own.

    Raises:
        NotFound: neither has such an id.
    """
    file, member = _file(kind), FILES[kind][1]
    found = [{**one, "origin": "house"} for one in file[member] if one["id"] == entry_id]
    if found:
        return _answer({**_seen_by(work.actor, found)[0], "reference": _short(file)})
    if kind not in own_entries.OTHERS:
        raise NotFound()
    answer = own_reference.show(work, own_entries.OTHERS[kind], entry_id)
    return replace(answer, body=_seen(work.actor, answer.body))


@cache
def _file(kind: Kind) -> Any:
    return medications.load_reference(FILES[kind][0])


def _seen(actor: Actor, body: bytes) -> bytes:
    """Leave a stored answer as it is for those who may see all of it."""
    return body if _sees_all(actor) else orjson.dumps(_seen_by(actor, [orjson.loads(body)])[0])


def _sees_all(actor: Actor) -> bool:
    return actor.role in CLINICIANS or actor.role == "system"


def _seen_by(actor: Actor, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    hidden = () if _sees_all(actor) else FOR_PRESCRIBERS
    return [{name: one[name] for name in one if name not in hidden} for one in entries]


# ---- medications


def look_up(work: Work, text: str | None, system: str | None, code: str | None) -> Answer:
    """Give candidates for a text, the substances of a code, or without either every entry.

    Raises:
        InvalidParameter: a text beside a code, or a system without its code.
    """
    if (system is None) != (code is None) or (text is not None and code is not None):
        raise InvalidParameter("either text, or system and code", pointer="/query/text")
    mine = own.registered(work)
    items: list[dict[str, Any]]
    if system is not None and code is not None:
        known = house_or_own(work, system, code)
        items = [_candidate(Candidate(one, "name", 1.0), mine, by="code") for one in known]
    elif text is not None:
        found = [*_own_candidates(text, mine), *medications.candidates(text)]
        items = [_candidate(one, mine) for one in found]
    else:
        every = (*medications.substances(), *mine.values())
        items = [_listed(one, mine) for one in every]
    return _answer({"items": items, "reference": _version()})


def show(work: Work, reference_id: str) -> Answer:
    """Give one entry whole: the house's with what was verified, or the clinic's own.

    Raises:
        NotFound: neither has such an id.
    """
    found = medications.by_id(reference_id)
    if found is None:
        answer = own_reference.show(work, own.MEDICATIONS, reference_id)
        return replace(answer, body=_seen(work.actor, answer.body))
    entry = _seen_by(work.actor, [_whole(found)])[0]
    return _answer({**entry, "reference": _version()})


def house_or_own(work: Work, system: str, code: str) -> tuple[Substance, ...]:
    """Give the substances of a code: the house's, else the clinic's."""
    found = medications.find(system, code)
    if found:
        return found
    known = own.resolve(work, (system, code), None)
    return (known,) if known else ()


def _own_candidates(text: str, mine: Mapping[str, Substance]) -> list[Candidate]:
    """Give the clinic's entries of which this is a name, whatever its case."""
    sought = text.strip().casefold()
    found = []
    for one in mine.values():
        names = {one.reference_id, one.name, *one.synonyms}
        if sought in {name.casefold() for name in names}:
            found.append(Candidate(one, "name", 1.0))
        elif sought in {name.casefold() for name in one.brands}:
            found.append(Candidate(one, "brand", 1.0))
    return found


def _candidate(
    one: Candidate, mine: Mapping[str, Substance], by: str | None = None
) -> dict[str, Any]:
    return {
        **_named(one.substance, mine),
        "by": by or one.by,
        "score": None if by else one.score,
    }


def _listed(one: Substance, mine: Mapping[str, Substance]) -> dict[str, Any]:
    return {
        **_named(one, mine),
        "classes": sorted(one.classes),
        "rxnorm": one.rxnorm,
        "atc": one.atc,
        "sources": one.sources,
        "verified": one.verified,
    }


def _named(one: Substance, mine: Mapping[str, Substance]) -> dict[str, Any]:
    return {
        "reference_id": one.reference_id,
        "name": one.name,
        "display": one.tall_man,
        "kind": one.kind,
        "origin": "clinic" if one.reference_id in mine else "house",
    }


def _whole(substance: Substance) -> dict[str, Any]:
    entry = asdict(substance)
    entry["classes"] = sorted(substance.classes)
    entry["display"] = substance.tall_man
    entry["origin"] = "house"
    return entry


def _version() -> dict[str, Any]:
    version, written_on = medications.version()
    return {"version": version, "date": written_on}


def _short(file: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": file["version"], "date": file["date"]}


def _answer(body: dict[str, Any]) -> Answer:
    return Answer(orjson.dumps(body, default=str))
