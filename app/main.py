"""Builds the app: knows every room, hands the writer what lies above it."""

import gc
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy.orm import Session

from app.assessments import router as assessments_router
from app.care import router as care_router
from app.core import clock as clocks
from app.core import health, openapi, problems
from app.core.answer import Answer
from app.core.base import Owned
from app.core.clock import Clock
from app.core.db import Call, Reader, Work, Writer, open_engine
from app.core.middleware import AroundRequests
from app.core.questions import ask
from app.followups import domain_routers
from app.followups import router as followups_router
from app.identity import service as identity
from app.identity.deps import Require, Verified
from app.identity.tokens import Issuer
from app.interactions import router as interactions_router
from app.journal import service as journal
from app.journal.chain import Head
from app.labs import router as labs_router
from app.me import router as me_router
from app.measurements import router as measurements_router
from app.measurements import service as measurements
from app.medications import interactions_router as medications_interactions_router
from app.medications import reference_router, regimen_router
from app.medications import router as medications_router
from app.monitoring import router as monitoring_router
from app.patients import conditions_router
from app.patients import router as patients_router
from app.patients import service as patients
from app.settings import Settings
from app.signals import router as signals_router
from app.sync import audit_router, calendar_router, changes_router, erasure_router
from app.sync import router as sync_router
from app.trends import router as trends_router

Heads = dict[tuple[Any, str], Head]
ROUTERS = (
    # Routes are tried in turn: the one that phones use all day comes first.
    followups_router.check_ins_router,
    sync_router.router,
    changes_router.router,
    audit_router.router,
    erasure_router.router,
    calendar_router.router,
    patients_router.router,
    medications_router.router,
    regimen_router.router,
    reference_router.router,
    assessments_router.router,
    assessments_router.instruments_router,
    measurements_router.router,
    signals_router.router,
    labs_router.router,
    interactions_router.router,
    interactions_router.check_router,
    medications_interactions_router.router,
    followups_router.router,
    followups_router.side_effects_router,
    *domain_routers.routers,
    followups_router.nights_router,
    followups_router.terms_router,
    conditions_router.router,
    care_router.router,
    care_router.reviews_router,
    care_router.sessions_router,
    care_router.events_router,
    me_router.router,
    monitoring_router.router,
    trends_router.router,
    trends_router.digest_router,
    trends_router.brief_router,
    trends_router.history_router,
    trends_router.decision_router,
)


class Ledger:
    """What the writer is handed: the chains' lock and seal, and a batch's common questions."""

    def open(self, session: Session, works: Sequence[tuple[Call, Work]]) -> Heads:
        heads = journal.lock(session, works)
        rooms = (identity, patients, measurements, journal)
        questions = [question for room in rooms for question in room.recall(works)]
        ask(session, questions, {work.actor.clinic_id for _call, work in works})
        return heads

    def admit(self, work: Work) -> None:
        identity.admit(work)

    def mark(self, work: Work) -> Head | None:
        head = journal.head(work)
        return head and Head(head.sequence, head.hash)

    def reset(self, work: Work, mark: Head | None) -> None:
        head = journal.head(work)
        if head is not None and mark is not None:
            head.sequence, head.hash = mark.sequence, mark.hash

    def replay(self, work: Work, call: Call) -> Answer | None:
        return journal.replay(work, call.key) if call.key else None

    def log(self, work: Work, call: Call) -> None:
        if call.key and call.error is None:
            journal.keep_key(work, call.key, call.value)
        journal.log(work, call)

    def close(self, heads: Heads) -> Iterable[tuple[type[Owned], dict[str, Any]]]:
        return journal.moved(heads)


def create_app(settings: Settings | None = None, clock: Clock = clocks.now) -> FastAPI:
    """Build the app; its database is opened, and its writer started, by its lifespan."""
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = open_engine(settings.database_url)
        app.state.engine = engine
        app.state.issuer = Issuer.of_file(settings.key_file)
        app.state.verified = Verified(app.state.issuer)
        app.state.writer = Writer(engine, clock, Ledger())
        app.state.reader = Reader(engine, clock, identity.admit)
        app.state.writer.start()
        # What start-up made stays for good: the collector need not walk it on every request.
        gc.collect()
        gc.freeze()
        try:
            yield
        finally:
            app.state.writer.stop()
            app.state.reader.stop()
            engine.dispose()

    app = FastAPI(
        title="Titrate",
        summary="The record, and the reading, of what a psychiatric medicine does to a person.",
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.clock = clock
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]  # the documented way
    app.add_middleware(AroundRequests)
    problems.install(app)
    for router in ROUTERS:
        _require_a_door_keeper(router)
        # The routes themselves, not `include_router`: that would try each one twice over.
        app.router.routes.extend(router.routes)
    app.router.routes.extend(health.router.routes)
    return app


def _require_a_door_keeper(router: APIRouter) -> None:
    """Deny by default: a route that asks for no role does not get in."""
    for route in router.routes:
        assert isinstance(route, APIRoute)
        if not any(isinstance(one.call, Require) for one in route.dependant.dependencies):
            raise RuntimeError(f"{route.name} lets anybody in")
