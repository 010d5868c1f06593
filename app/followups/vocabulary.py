"""The words for side effects, as an app offers them."""

from typing import Any

import orjson

from app.clinical import terms
from app.clinical.medications import load_reference
from app.core.answer import Answer
from app.core.db import Work


def show(_work: Work, text: str | None) -> Answer:
    """Give the vocabulary, or up to three terms that a text may mean, the best first.

    What to do about an effect is for prescribers, and does not stand here.
    """
    found = terms.all_terms()
    if text is not None:
        found = tuple(terms.term(one) for one in terms.close_to(text))
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
    }
