"""Reads files of FHIR R4: bundles and single resources, with what they say of each other."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson

from app.imports import fhir
from app.imports.facts import (
    Entry,
    Subject,
)
from app.imports.questionnaires import (
    NONE,
    Own,
    answered,
    instruments_of,
    panel_of,
)
from app.imports.r4 import (
    Resource,
    contained,
    each,
    text,
)
from app.imports.results import File, Skipped, Unreadable, contents

DEEPEST = 100
_PATIENT = re.compile(r"(?:(https?://.+)/)?Patient/([^/?#]+)(?:/_history/.+)?")
READ = frozenset(
    {
        "MedicationRequest",
        "MedicationStatement",
        "MedicationDispense",
        "Observation",
        "QuestionnaireResponse",
    }
)


def read(files: Sequence[File], system: str | None = None, own: Own = NONE) -> list[list[Entry]]:
    """Read bundles and single resources: for each file one entry for each of its resources.

    References are followed over all the files. One to a Patient that none of them holds is an
    identifier of `system`, where that is given. own: the clinic's own questionnaires.

    Raises:
        Unreadable: a file is larger than 200 MiB, not JSON, or no resource.
    """
    return _Files([_resources(file) for file in files], system, own).read()


def _resources(file: File) -> list[tuple[str | None, Resource]]:
    """Give the resources of a file in their order, each with its full URL."""
    try:
        content = orjson.loads(contents(file))
    except orjson.JSONDecodeError as failure:
        place = f"line {failure.lineno} column {failure.colno}"
        raise Unreadable(file.name, place, "is not JSON") from None
    type_ = text(content, "resourceType")
    if type_ is None:
        raise Unreadable(file.name, None, "is no FHIR resource")
    entries = each(content, "entry") if type_ == "Bundle" else [{"resource": content}]
    found: list[tuple[str | None, Resource]] = []
    for number, entry in enumerate(entries, 1):
        resource = next((one for one in each(entry, "resource") if isinstance(one, dict)), {})
        if _depth(resource) > DEEPEST:
            raise Unreadable(file.name, f"entry {number}", f"is deeper than {DEEPEST} levels")
        found.append((text(entry, "fullUrl"), resource))
    return found


def _depth(value: Any) -> int:
    """Count how deep lists and objects stand in each other."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
    return depth


class _Files:
    """What resources say of each other: whom they are about, and what is part of what.

    A place is a resource's number among those of all the files, from 0.
    """

    def __init__(
        self,
        files: Sequence[Sequence[tuple[str | None, Resource]]],
        system: str | None,
        own: Own,
    ) -> None:
        self.system, self.own = system, own
        self.numbers = [range(1, len(file) + 1) for file in files]
        self.resources = [resource for file in files for _, resource in file]
        self.file_of = [number for number, file in enumerate(files) for _ in file]
        self.names: dict[str, dict[int, int]] = {}
        """Name -> file -> place: a name means something else in another file."""
        full_urls = [url for file in files for url, _ in file]
        for place, (url, resource) in enumerate(zip(full_urls, self.resources, strict=True)):
            for name in (url, f"{text(resource, 'resourceType')}/{text(resource, 'id')}"):
                if name:
                    self.names.setdefault(name, {}).setdefault(self.file_of[place], place)
        self.joined: dict[int, int] = {}
        """Resources whose fact another one carries."""

    def place(self, at: int, reference: Any) -> int | None:
        """Follow a reference from a place: in its own file, else where all others agree."""
        if not isinstance(reference, str):
            return None
        found = self.names.get(reference.partition("/_history/")[0], {})
        if self.file_of[at] in found:
            return found[self.file_of[at]]
        places = list(found.values())
        if not places or any(self.resources[one] != self.resources[places[0]] for one in places):
            return None
        return places[0]

    def find(self, at: int, reference: Any) -> Resource | None:
        inside = contained(self.resources[at], reference)
        place = self.place(at, reference)
        return inside if inside or place is None else self.resources[place]

    def fellow(self, at: int, reference: Any) -> Resource | None:
        """Give the resource that a reference names, if it is of the same patient."""
        place = self.place(at, reference)
        return self.resources[place] if place is not None and self._same(at, place) else None

    def _same(self, at: int, other: int) -> bool:
        """Say whether two resources are about one patient."""
        names = [text(self.resources[one], "subject", "reference") for one in (at, other)]
        found = [self.place(one, name) for one, name in zip((at, other), names, strict=True)]
        if found[0] is None and found[1] is None:
            return names[0] == names[1] and self.file_of[at] == self.file_of[other]
        return found[0] == found[1]

    def read(self) -> list[list[Entry]]:
        self._join()
        people: dict[int, Subject] = {}
        places = iter(range(len(self.resources)))
        return [
            [self._entry(people, next(places), number) for number in numbers]
            for numbers in self.numbers
        ]

    def _entry(self, people: dict[int, Subject], place: int, number: int) -> Entry:
        resource = self.resources[place]
        type_ = text(resource, "resourceType") or "none"
        try:
            if type_ == "Patient":
                return Entry(number, type_, self._person(people, place))
            if type_ not in READ:
                raise Skipped(*_UNREAD.get(type_, ("type_not_read", f"{type_} is not read here")))
            if place in self.joined:
                return Entry(number, type_, joins=self.joined[place])
            subject = self._subject(people, place)
            key = f"{subject.source}/{type_}/{text(resource, 'id') or fhir.digest(resource)}"
            find = self.fellow if type_ == "Observation" else self.find
            facts = fhir.facts_of(key, type_, resource, partial(find, place), self.own)
            return Entry(number, type_, subject, facts, key=key)
        except Skipped as reason:
            return Entry(number, type_, skipped=reason)

    def _person(self, people: dict[int, Subject], place: int) -> Subject:
        if place not in people:
            people[place] = fhir.patient(self.resources[place])
        return people[place]

    def _subject(self, people: dict[int, Subject], at: int) -> Subject:
        resource = self.resources[at]
        reference = text(resource, "subject", "reference")
        place = self.place(at, reference)
        if place is not None:
            return self._person(people, place)
        if (inside := contained(resource, reference)) is not None:
            return fhir.patient(inside)
        identifiers = fhir.identifiers_of(each(resource, "subject", "identifier"))
        identifiers = identifiers or self._named(reference or "")
        if not identifiers:
            raise Skipped(
                "patient_unknown",
                f"no Patient in these files is {reference}; import it beside, or say with "
                "--system of which system it is an identifier"
                if reference
                else "it says no subject",
            )
        return Subject(identifiers, {})

    def _named(self, reference: str) -> tuple[tuple[str, str], ...]:
        """Read a reference to a Patient of no file: whoever's server it names is its system."""
        found = _PATIENT.fullmatch(reference)
        if found is None:
            return ()
        base, id_ = found.groups()
        if base is None or base == (self.system or "").rstrip("/"):
            base = self.system
        return ((base, id_),) if base else ()

    def _join(self) -> None:
        """Find the items of each panel, and what was derived from a questionnaire response."""
        for place, resource in enumerate(self.resources):
            if text(resource, "resourceType") != "Observation":
                continue
            about, known = instruments_of(resource), panel_of(resource)
            for reference in each(resource, "derivedFrom", "reference"):
                source = self.place(place, reference)
                if source is not None and about & answered(self.resources[source]):
                    self._put(place, source)
            for reference in each(resource, "hasMember", "reference") if known else ():
                member = self.place(place, reference)
                if (
                    known
                    and member is not None
                    and known.id in instruments_of(self.resources[member])
                ):
                    self._put(member, place)
        roots = {place: self._root(place) for place in self.joined}
        # Two that carry each other carry nothing: each is read by itself.
        self.joined = {place: root for place, root in roots.items() if root not in roots}

    def _put(self, part: int, whole: int) -> None:
        if part != whole and self._same(part, whole):
            self.joined.setdefault(part, whole)

    def _root(self, place: int) -> int:
        seen = set()
        while place in self.joined and place not in seen:
            seen.add(place)
            place = self.joined[place]
        return place


_UNREAD = {
    "AdverseEvent": (
        "type_not_read",
        "what happened may be no side effect of ours: a clinician records it as one",
    ),
    "DetectedIssue": (
        "type_not_read",
        "interactions are found anew from the medicines, under the house's own rules",
    ),
    "PlanDefinition": ("type_not_read", "a plan for anybody is no fact about a patient"),
    "Questionnaire": ("type_not_read", "a form is no answer; those known are at /v1/instruments"),
    "Medication": ("part_of_another", "it is read where an order names it"),
}
