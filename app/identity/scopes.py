"""What a token may do at most: SMART App Launch v2 scopes, held against each route.

A route asks for one kind of data and one letter: create, read, update, delete or search. Which
kind, its path says; a path that is not placed here stops the start. A role opens routes, a
scope narrows what the role opens, and neither widens the other.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from app.core.actor import Role

LETTERS = "cruds"
EVERYTHING = "*"
"""The kind of what is put together from all kinds: only `*` opens it."""
_SCOPE = re.compile(
    r"^(?P<context>patient|user|system)/(?P<resource>\*|[A-Z][A-Za-z]+)"
    r"\.(?P<letters>(?=[cruds])c?r?u?d?s?|read|write|\*)(?P<filter>\?\S+)?$"
)
_VERSION_1 = {"read": "rs", "write": "cud", "*": LETTERS}
_CONTEXT: dict[str, str] = {"patient": "patient", "proxy": "patient", "system": "system"}

DEFAULT: dict[Role, str] = {
    "prescriber": "user/*.cruds",
    "care_team": "user/*.cruds",
    "patient": "patient/*.cruds",
    "proxy": "patient/*.rs",
    "system": "system/*.cruds",
    "administrator": "user/AuditEvent.rs user/Practitioner.cruds user/CareTeam.cruds "
    "user/Task.cruds user/Library.cruds user/Bundle.c",
    "privacy_officer": "user/AuditEvent.rs user/Task.cruds",
}
"""What a role's token may do where nothing less was asked for."""

KINDS: dict[str, str | None] = {
    "patients": "Patient",
    "care-team": "CareTeam",
    "consents": "Consent",
    "enrolment-codes": "Device",
    "devices": "Device",
    "conditions": "Condition",
    "life-events": "Observation",
    "therapy-sessions": "Encounter",
    "intake": "Encounter",
    "treatment-plan": "CarePlan",
    "reviews": "CarePlan",
    "medications": "MedicationStatement",
    "regimen": "MedicationStatement",
    "dose-events": "MedicationRequest",
    "administrations": "MedicationAdministration",
    "dispenses": "MedicationDispense",
    "follow-ups": "Encounter",
    "check-ins": "Observation",
    "dosage": "MedicationStatement",
    "side-effects": "AdverseEvent",
    "causality": "AdverseEvent",
    "nights": "Observation",
    "interactions": "DetectedIssue",
    "acknowledgement": "DetectedIssue",
    "assessments": "QuestionnaireResponse",
    "labs": "Observation",
    "monitoring": "ServiceRequest",
    "waiver": "ServiceRequest",
    "signals": "Flag",
    "trends": "Observation",
    "digest": EVERYTHING,
    "visit-brief": EVERYTHING,
    "decision": EVERYTHING,
    "treatment-history": EVERYTHING,
    "caseload": EVERYTHING,
    "changes": EVERYTHING,
    "export": EVERYTHING,
    "imports": "Bundle",
    "sync": EVERYTHING,
    "me": "Patient",
    "tasks": "Task",
    "progress": "Observation",
    "plan": "CarePlan",
    "receipts": "AuditEvent",
    "calendar-address": "Device",
    "access-log": "AuditEvent",
    "verify": "AuditEvent",
    "break-glass": "AuditEvent",
    "erasure-requests": "Task",
    "users": "Practitioner",
    "webhooks": "Subscription",
    # Knowledge that belongs to no patient: read without a scope, the clinic's own entries written.
    "check": None,
    "calendars": None,
    "instruments": "Library",
    "reference": "Library",
}
"""The kind of data behind the last word of a path, by FHIR's names; None: no scope is asked.

A domain of a follow-up that is not among them is one of numbers: observations.
"""
_ONE = frozenset(
    {
        "care-team",
        "intake",
        "treatment-plan",
        "regimen",
        "trends",
        "digest",
        "visit-brief",
        "decision",
        "treatment-history",
        "export",
        "me",
        "tasks",
        "progress",
        "plan",
        "calendar-address",
        "monitoring",
        "causality",
        "verify",
    }
)
"""Words whose GET gives one thing; any other last word is a list, which is searched."""
_METHODS = {"POST": "c", "PUT": "u", "PATCH": "u", "DELETE": "d"}


class Need(NamedTuple):
    """What one route asks of a token's scope."""

    resource: str
    letter: str


class Unplaced(RuntimeError):
    """A path whose kind of data nobody has named: it is let in nowhere."""


@lru_cache(maxsize=1024)
def need(path: str, method: str) -> Need | None:
    """Say what a route asks for; None where it asks for nothing.

    path: the template, `/v1/patients/{patient_id}/labs/{record_id}`.

    Raises:
        Unplaced: its last word is not among `KINDS`, and is no domain of a follow-up.
    """
    words = [word for word in path.split("/") if word not in {"", "v1"}]
    names = [word for word in words if not word.startswith("{") and word != "history"]
    within_reference = "reference" in names
    last = "reference" if within_reference else names[-1] if names else ""
    is_domain = "follow-ups" in names[:-1]
    if last not in KINDS and not is_domain:
        raise Unplaced(f"{path}: name the kind of data of {last!r} in app/identity/scopes.py")
    kind = KINDS.get(last, "Observation")
    if kind is None or (kind == "Library" and method == "GET"):
        return None
    if method == "GET":
        is_list = words[-1] == last and last not in _ONE and not is_domain
        return Need(kind, "s" if is_list else "r")
    return Need(kind, _METHODS[method])


class Scope(NamedTuple):
    """One granted scope; `only` is the search that narrows it, such as `category=laboratory`."""

    context: str
    resource: str
    letters: str
    only: str | None


def parse(text: str) -> tuple[Scope, ...]:
    """Read a scope claim; version 1 words are read as version 2.

    Raises:
        ValueError: none, or one that is no SMART scope.
    """
    found = []
    for word in text.split():
        match = _SCOPE.match(word)
        if match is None:
            raise ValueError("not a SMART scope")
        letters = _VERSION_1.get(match["letters"], match["letters"])
        only = match["filter"]
        found.append(Scope(match["context"], match["resource"], letters, only and only[1:]))
    if not found:
        raise ValueError("a token without a scope may do nothing")
    return tuple(found)


@lru_cache(maxsize=4096)
def allows(text: str, role: Role, path: str, method: str) -> bool:
    """Say whether a token's scope opens a route to a caller of this role.

    A scope that is narrowed by a search opens only what can keep to that search: no route here.
    """
    wanted = need(path, method)
    if wanted is None:
        return True
    context = _CONTEXT.get(role, "user")
    return any(
        scope.context == context
        and scope.resource in {EVERYTHING, wanted.resource}
        and wanted.letter in scope.letters
        and scope.only is None
        for scope in parse(text)
    )


def narrower(asked: str, granted: str) -> str:
    """Give what of the asked scopes lies within the granted ones; all granted for none asked.

    Raises:
        ValueError: nothing asked is granted, or it is no SMART scope.
    """
    if not asked:
        return granted
    known = parse(granted)
    kept = [
        word
        for word in asked.split()
        for one in parse(word)
        if any(
            one.context == other.context
            and other.resource in {EVERYTHING, one.resource}
            and set(one.letters) <= set(other.letters)
            and other.only in {None, one.only}
            for other in known
        )
    ]
    if not kept:
        raise ValueError("nothing that was asked for is granted")
    return " ".join(kept)
