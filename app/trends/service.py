"""The trends of one patient: looked up by their key, computed when the caller has none of it."""

from typing import Any
from uuid import UUID

import orjson

from app.care import plan as care
from app.clinical import interaction_rules, monitoring_schedules
from app.clinical.baseline import UnknownBaselineRule
from app.clinical.measures import SIDE_EFFECTS
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import InvalidParameter
from app.medications import substances
from app.monitoring import service as monitoring
from app.patients.service import Person
from app.trends.csv import table
from app.trends.figure import draw
from app.trends.gather import gather, look_up
from app.trends.html import Beside, page
from app.trends.params import MEDIA_TYPES, Asked, Params, resolve
from app.trends.png import png
from app.trends.report import report

Json = dict[str, Any]


def read(work: Work, patient_id: UUID, asked: Asked) -> Answer:
    """Give a patient's trends as JSON, table, figure or page; 304 where the caller has them.

    A patient's own token gets the patient's view, whatever it asks for.

    Raises:
        NotFound: no such patient for this caller.
        InvalidParameter: a parameter that does not fit this patient or the present.
        TooManyPoints: one measure has too many readings in the window.
    """
    moment = look_up(work, patient_id, asked.known_at)
    audience = "patient" if work.actor.role == "patient" else asked.audience
    params = resolve(asked, moment.person.time_zone, work.now, audience)
    has_beside = (
        params.format == "html"
        and audience == "prescriber"
        and asked.known_at is None
        and params.as_of == moment.person.today(work.now)
    )
    tag = moment.tag(params) + (_rules_beside() if has_beside else "")
    if tag in asked.etags or "*" in asked.etags:
        return Answer(b"", etag=tag, unchanged=True)
    try:
        body = report(gather(work, moment, params), params)
    except UnknownBaselineRule:
        raise InvalidParameter(
            "a value on the measure's scale", pointer="/query/baseline"
        ) from None
    beside = _beside(work, moment.person) if has_beside else None
    return Answer(
        _written(body, params, patient_id, beside),
        etag=tag,
        media_type=MEDIA_TYPES[params.format],
        attachment=None if params.format == "json" else f"trends.{params.format}",
    )


def _written(body: Json, params: Params, patient_id: UUID, beside: Beside | None) -> bytes:
    if params.format == "json":
        return orjson.dumps(body)
    if params.format == "csv":
        return table(body, str(patient_id)).encode()
    if params.format == "html":
        return page(body, beside).encode()
    figure = draw(body | {"measures": _drawn(body, params)})
    return png(figure) if params.format == "png" else figure.encode()


def _rules_beside() -> str:
    """Name the rules of today that the report does not name."""
    return "".join(
        f".{part}" for part in (*interaction_rules.version(), *monitoring_schedules.version())
    )


def _beside(work: Work, person: Person) -> Beside:
    """Give what the other rooms answer of the patient today."""
    return Beside(
        plan=_plan(work, person),
        interactions=orjson.loads(substances.interactions_now(work, person.id).body),
        monitoring=orjson.loads(monitoring.show(work, person.id).body),
    )


def _plan(work: Work, person: Person) -> Json | None:
    """Give what was agreed, as it stands now: why, the goals in the patient's words, the review."""
    agreed = care.agreed_with(work, person)
    if agreed is None:
        return None
    return {
        "why": agreed.body["why"],
        "goals": [goal["patient_words"] for goal in agreed.body.get("goals", ())],
        "review_on": agreed.next_review.due_on,
        "overdue": agreed.next_review.overdue,
    }


def _drawn(body: Json, params: Params) -> list[Json]:
    """Draw what was asked for; else the primary measure of each domain, and all side effects.

    Of a questionnaire about side effects, that is followed by its items, those with bands. No
    laboratory value stands for the others, so none is drawn that was not asked for.
    """
    if params.measures is not None:
        return list(body["measures"])
    return [block for block in body["measures"] if _is_shown(block)]


def _is_shown(block: Json) -> bool:
    if block["domain"] == "side_effects":
        return block["measure"].startswith(SIDE_EFFECTS) or bool(block["bands"])
    return bool(block["primary"]) and block["domain"] != "labs"
