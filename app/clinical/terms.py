"""The vocabulary of side effects, read from `reference/side_effects.yaml`: own slugs, no MedDRA."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from app.clinical.medications import load_reference

FILE = "side_effects.yaml"
WORDS = "side_effects_words.yaml"

OTHER = "other"
"""Stands for what the vocabulary does not have; the record's own text says what it is."""

MOST_SUGGESTED = 3

Timing = Literal["early", "persistent", "late", "withdrawal"]
Group = Literal["side_effect", "withdrawal"]


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
    synonyms: other plain words for it, in `side_effects_words.yaml`.
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
    synonyms: tuple[str, ...] = ()
    origin: Literal["house", "clinic"] = "house"

    @property
    def group(self) -> Group:
        """What follows a stop, a cut or missed doses stands apart from what a medicine does."""
        return "withdrawal" if self.timing == "withdrawal" else "side_effect"


@cache
def all_terms() -> tuple[Term, ...]:
    """Give every term, in the order of the file, which is read once."""
    words = load_reference(WORDS)["synonyms"]
    rows = load_reference(FILE)["effects"]
    terms = tuple(read_term(row, words.get(row["id"], ())) for row in rows)
    if unknown := words.keys() - {term.id for term in terms}:
        raise ValueError(f"words for terms that do not exist: {', '.join(sorted(unknown))}")
    return terms


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


def find(term_id: str) -> Term | None:
    """Find one term; None where the vocabulary has it not."""
    return _by_id().get(term_id)


def is_known(term_id: str) -> bool:
    """Say whether a record may use this term: one of the vocabulary, or `other`."""
    return term_id == OTHER or term_id in _by_id()


def meant_by(text: str) -> tuple[Term, ...]:
    """Give the terms that have this text as id, label or synonym; several where words are shared.

    Capitals, hyphens and blanks do not count. It is a look-up, not a guess.
    """
    return tuple(_by_id()[one] for one in _by_word().get(_word(text), ()))


def means(term: Term, text: str) -> bool:
    """Say whether this text is the term's id, label or a synonym."""
    return _word(text) in map(_word, (term.id, term.label, *term.synonyms))


def close_to(text: str) -> tuple[str, ...]:
    """Give up to three ids that the text may mean, best first; none when nothing is near.

    What it names comes first; then ids, labels and synonyms are compared letter by letter
    (difflib ratio of at least 0.6), so that a misspelling is found. A suggestion is never
    taken for an answer.
    """
    named = [term.id for term in meant_by(text)]
    near = difflib.get_close_matches(_word(text), _by_word(), n=2 * MOST_SUGGESTED, cutoff=0.6)
    ids = named + [one for word in near for one in _by_word()[word]]
    return tuple(dict.fromkeys(ids))[:MOST_SUGGESTED]


@cache
def _by_word() -> Mapping[str, tuple[str, ...]]:
    """Give ids by each word that stands for them."""
    found: dict[str, tuple[str, ...]] = {}
    for known in all_terms():
        for word in dict.fromkeys(map(_word, (known.id, known.label, *known.synonyms))):
            found[word] = (*found.get(word, ()), known.id)
    return found


def _word(text: str) -> str:
    return "-".join(text.lower().replace("-", " ").replace("_", " ").split())


def read_term(
    row: Mapping[str, Any],
    synonyms: Iterable[str],
    origin: Literal["house", "clinic"] = "house",
) -> Term:
    """Read one entry as the file writes it.

    Raises:
        ValueError: its timing is none.
    """
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
        synonyms=tuple(synonyms),
        origin=origin,
    )
