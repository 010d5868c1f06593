"""Puts the rows of a file together that are the answers of one filled-in form."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.clinical import scoring
from app.clinical.instruments import Instrument
from app.imports.facts import Entry, Value
from app.imports.questionnaires import Own, by_id


def filled_in(entries: Sequence[Entry], first_place: int, own: Own) -> list[Entry]:
    """Make one form of the item rows of one person, moment and instrument.

    The first row carries the form and the others join it. An item that comes again begins
    another form. A total beside them joins the form whose answers give one; beside fewer
    answers it stays what it is, a total alone.

    first_place: where the first entry stands among those of all files.
    own: the clinic's own questionnaires.
    """
    forms, totals = _gathered(entries, own)
    found = list(entries)
    for whose, of_one in forms.items():
        for form in of_one:
            total = None
            if totals.get(whose) and form.gives_a_total():
                form.rows.append(totals[whose].pop(0))
                total = _value(entries[form.rows[-1]]).body["total"]
            if len(form.rows) == 1:
                continue
            found[form.first] = form.entry(entries[form.first], total)
            for index in form.rows:
                if index != form.first:
                    one = entries[index]
                    found[index] = Entry(one.number, one.type, joins=first_place + form.first)
    return found


@dataclass(slots=True)
class _Form:
    """One filled-in form on its way together: its first row, all of them, its answers by item."""

    instrument: Instrument
    first: int
    rows: list[int] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)

    def gives_a_total(self) -> bool:
        items = {int(item): value for item, value in self.answers.items()}
        return scoring.score(self.instrument, items).total_computed is not None

    def entry(self, first: Entry, total: float | None) -> Entry:
        fact = _value(first)
        said = {"instrument": self.instrument.id, "answers": self.answers}
        items = sorted(self.answers.items())
        key = "|".join(("csv", "form", fact.at.isoformat(), repr((said["instrument"], items))))
        body = said if total is None else said | {"total": total}
        return replace(first, facts=(Value("assessment", key, fact.at, body),))


def _gathered(
    entries: Sequence[Entry], own: Own
) -> tuple[dict[Any, list[_Form]], dict[Any, list[int]]]:
    """Give forms, and places of totals, by whose they are: identifiers, moment, instrument.

    A row of an item that there is none of stays alone, and is refused alone.
    """
    forms: dict[Any, list[_Form]] = {}
    totals: dict[Any, list[int]] = {}
    for index, one in enumerate(entries):
        fact = one.facts[0] if one.facts else None
        if not isinstance(fact, Value) or fact.kind != "assessment" or one.subject is None:
            continue
        whose = one.subject.identifiers, fact.at, fact.body["instrument"]
        if "total" in fact.body:
            totals.setdefault(whose, []).append(index)
            continue
        ((item, value),) = fact.body["answers"].items()
        instrument = by_id(whose[2], own)
        if instrument is None or item not in {str(one.index) for one in instrument.items}:
            continue
        of_one = forms.setdefault(whose, [])
        form = next((form for form in of_one if item not in form.answers), None)
        if form is None:
            of_one.append(form := _Form(instrument, index))
        form.answers[item] = value
        form.rows.append(index)
    return forms, totals


def _value(entry: Entry) -> Value:
    (fact,) = entry.facts
    assert isinstance(fact, Value)
    return fact
