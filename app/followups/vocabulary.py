"""The words for side effects, as an app offers them."""

from typing import Any

import orjson

from app.clinical import terms
from app.clinical.medications import load_reference
from app.core.answer import Answer
from app.core.db import Work
from app.measurements import own_reference


def show(work: Work, text: str | None) -> Answer:
    """Give the vocabulary, or up to three terms that a text may mean, the best first.

    The clinic's own terms come after the house's; a text has to name one of them in full.
    What to do about an effect is for prescribers, and does not stand here.
    """
    mine = tuple(own_reference.vocabulary(work).values())
    found = (*terms.all_terms(), *mine)
    if text is not None:
        named = (one for one in mine if terms.means(one, text))
        found = (*named, *(terms.term(one) for one in terms.close_to(text)))
        found = found[: terms.MOST_SUGGESTED]
    version, day = _version()
    items = [_told(term) for term in found]
    return Answer(orjson.dumps({"items": items, "version": version, "date": day}))


def _version() -> tuple[str, str]:
    file = load_reference(terms.FILE)
    return file["version"], file["date"]


def _told(term: terms.Term) -> dict[str, Any]:
    return {
        "id": term.id,
        "label": term.label,
        "synonyms": term.synonyms,
        "body_system": term.body_system,
        "group": term.group,
        "timing": term.timing,
        "red_flag": term.red_flag,
        "source": term.source,
        "verified": term.verified,
        "origin": term.origin,
    }
