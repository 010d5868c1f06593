"""The facts that the readers find in a file: plain values, before any record is made of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from app.clinical.units import AmountNotAccepted, UnitNotAccepted, parse_amount, read_unit
from app.imports.results import Skipped

When = datetime | date
Dose = Mapping[str, str]
UNIT_MISSING = "unit-missing"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an entry is about: what other systems call the patient, and who it is, if said.

    identifiers: (system, value); a system of None stands for any.
    body: a new patient's, without the id and the identifiers.
    """

    identifiers: tuple[tuple[str | None, str], ...]
    body: Mapping[str, Any]

    @property
    def source(self) -> str:
        """Name the source within one patient: ids of two systems may be alike."""
        system, value = self.identifiers[0]
        return f"{system or ''}|{value}"


@dataclass(frozen=True, slots=True)
class Value:
    """A record that stands by itself: an assessment, a lab result or an observed value.

    key: what makes its id, the same in every import of the same entry.
    words: what has to be known of it, although it is taken.
    """

    kind: Literal["assessment", "lab", "observation"]
    key: str
    at: When
    body: Mapping[str, Any]
    words: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A request for a medicine. `unconfirmed`: codes of why its dose is not known."""

    key: str
    code: Mapping[str, str] | None
    text: str | None
    at: When
    dose: Dose | None
    unconfirmed: tuple[str, ...]
    times_per_day: str | None
    as_needed: bool
    ended: bool
    ends: When | None


@dataclass(frozen=True, slots=True)
class End:
    """The end of whatever order of a medicine holds then."""

    key: str
    code: Mapping[str, str] | None
    text: str | None
    at: When


@dataclass(frozen=True, slots=True)
class DoseRow:
    """A dose event of a course that is named by a text."""

    key: str
    drug: str
    kind: str
    at: When
    dose: Dose | None
    unconfirmed: tuple[str, ...]
    times_per_day: str | None
    reason: str | None
    reason_text: str | None


@dataclass(frozen=True, slots=True)
class Fill:
    """What a pharmacy handed out. `unconfirmed`: codes of why its quantity is not known."""

    key: str
    code: Mapping[str, str] | None
    text: str | None
    at: When
    quantity: Dose | None
    unconfirmed: tuple[str, ...]
    days_supply: int | None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """That the source takes back what it said under these keys: it never held.

    of_medicine: it is an order or a fill, and no value.
    code, words: why, for where nothing of it is kept.
    """

    keys: tuple[str, ...]
    of_medicine: bool
    code: str
    words: str


Fact = Value | Order | End | DoseRow | Fill | Withdrawal


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a file: about whom, the facts in it, or why it is skipped.

    place: where it stands among the entries of all files of one format, from 0.
    key: names the thing at its source; of two entries that tell of one the last counts.
    joins: the place of another entry that carries this one's fact, as a panel does its items.
    """

    number: int
    type: str
    subject: Subject | None = None
    facts: tuple[Fact, ...] = ()
    skipped: Skipped | None = None
    joins: int | None = None
    key: str = ""
    file: str = ""
    place: int = 0


def dose_of(amount: str, unit: str | None) -> tuple[Dose | None, tuple[str, ...]]:
    """Read a dose, or say by a code why it is not known; a unit is never guessed."""
    if not unit:
        return None, (UNIT_MISSING,)
    try:
        return {"amount": str(parse_amount(amount)), "unit": read_unit(unit, "intake")}, ()
    except UnitNotAccepted:
        return None, ("unit-not-accepted",)
    except AmountNotAccepted:
        return None, ("amount-not-accepted",)


def moment_of(text: object, pointer: str) -> When:
    """Read a moment with its offset, or a day.

    Raises:
        Skipped: no date, only a year or a month, no offset, or not a date at all.
    """
    if not isinstance(text, str) or not text:
        raise Skipped("date_missing", f"{pointer} says no date")
    try:
        if "T" not in text:
            if len(text) != len("2026-04-13"):
                raise Skipped("date_incomplete", f"{pointer} is no whole day")
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Skipped("date_unreadable", f"{pointer} is no date") from None
    if moment.tzinfo is None:
        raise Skipped("offset_missing", f"{pointer} is a moment without an offset")
    return moment


def timed(name: str, at: When) -> dict[str, When]:
    """Give the member that says when: `…_at` for a moment, `…_on` for a day."""
    return {f"{name}_at" if isinstance(at, datetime) else f"{name}_on": at}


def measure_of(words: str) -> str:
    """Make a measure's code of a source's own word: `HAMD17` stays, a blank becomes `_`.

    Raises:
        Skipped: nothing of it can stand in a code.
    """
    parts = (re.sub(r"[^A-Za-z0-9_-]+", "_", part).strip("_-") for part in words.split("."))
    code = ".".join(part for part in parts if part)[:100].rstrip(".")
    if not code:
        raise Skipped("code_missing", "there is no code to keep it under")
    return code
