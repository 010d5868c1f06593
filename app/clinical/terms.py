"""The vocabulary of side effects, read from `reference/side_effects.yaml`: own slugs, no MedDRA."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from app.clinical.medications import load_reference

FILE = "side_effects.yaml"

OTHER = "other"
"""Stands for what the vocabulary does not have; the record's own text says what it is."""

MOST_SUGGESTED = 3

Timing = Literal["early", "persistent", "late", "withdrawal"]


class UnknownTerm(KeyError):
    """No term has this id."""


@dataclass(frozen=True, slots=True)
class Term:
    """One side effect.

    timing: when it usually begins, in the words of the file's `timing_classes`; it helps to
        judge plausibility and never lowers a red flag.
    onset_days: usual (first, last) day of onset after a start or raise, after the stop for
        `withdrawal`; an open end is None, and the whole is None where nobody read it.
    red_flag: it opens a same-day or emergency path. `action` is for prescribers only.
    parent: id of the wider term, None for most.
    """

    id: str
    label: str
    body_system: str
    timing: Timing
    onset_days: tuple[int | None, int | None] | None
    classes: tuple[str, ...]
    red_flag: bool
    dose_related: bool
    action: str
    parent: str | None
    snomed: str | None
    source: str
    verified: str


@cache
def all_terms() -> tuple[Term, ...]:
    """Give every term, in the order of the file, which is read once."""
    return tuple(_term(row) for row in load_reference(FILE)["effects"])


@cache
def _by_id() -> Mapping[str, Term]:
    return {term.id: term for term in all_terms()}


def term(term_id: str) -> Term:
    """Find one term.

    Raises:
        UnknownTerm: none has this id.
    """
    try:
        return _by_id()[term_id]
    except KeyError:
        raise UnknownTerm(term_id) from None


def is_known(term_id: str) -> bool:
    """Say whether a record may use this term: one of the vocabulary, or `other`."""
    return term_id == OTHER or term_id in _by_id()


def close_to(text: str) -> tuple[str, ...]:
    """Give up to three ids that the text may mean, best first; none when nothing is near.

    Ids and labels are compared letter by letter (difflib ratio of at least 0.6), so a
    misspelling is found and a synonym is not. A suggestion is never taken for an answer.
    """
    spoken = text.strip().lower().replace(" ", "-").replace("_", "-")
    names = {known.label.replace(" ", "-"): known.id for known in all_terms()}
    names |= {known.id: known.id for known in all_terms()}
    near = difflib.get_close_matches(spoken, names, n=2 * MOST_SUGGESTED, cutoff=0.6)
    return tuple(dict.fromkeys(names[name] for name in near))[:MOST_SUGGESTED]


def _term(row: Mapping[str, Any]) -> Term:
    if row["timing"] not in get_args(Timing):
        raise ValueError(f"{row['id']}: {row['timing']!r} is not a timing")
    onset = row.get("onset_days")
    return Term(
        id=row["id"],
        label=row["label"],
        body_system=row["body_system"],
        timing=row["timing"],
        onset_days=(onset[0], onset[1]) if onset else None,
        classes=tuple(row["classes"]),
        red_flag=row["red_flag"],
        dose_related=row["dose_related"],
        action=row["action"],
        parent=row.get("parent"),
        snomed=row["snomed"],
        source=row["source"],
        verified=row["verified"],
    )
