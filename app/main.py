"""Builds the app: knows every room, hands the writer what lies above it."""

import gc
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.middleware.cors import CORSMiddleware

from app.assessments import router as assessments_router
from app.care import router as care_router
from app.caseload import router as caseload_router
from app.caseload.refresh import Refresher
from app.core import clock as clocks
from app.core import durability, health, metrics, openapi, problems, walls
from app.core.actor import Trace
from app.core.answer import Answer
from app.core.base import Owned
from app.core.clock import Clock
from app.core.db import Call, Reader, Work, Writer, open_engine
from app.core.limits import Limiter
from app.core.middleware import AroundRequests
from app.core.questions import Asked, ask
from app.core.reserve import Reserve
from app.core.snapshots import snapshots
from app.followups import domain_routers
from app.followups import router as followups_router
from app.identity import router as identity_router
from app.identity import scopes
from app.identity import service as identity
from app.identity.deps import Require, Verified
from app.identity.outside import Issuers, OutsideIssuer
from app.identity.tokens import Issuer
from app.imports import export_router
from app.imports import router as imports_router
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
from app.patients import (
    break_glass_router,
    care_team_router,
    conditions_router,
    consents_router,
    devices_router,
    sight,
)
from app.patients import router as patients_router
from app.patients import service as patients
from app.settings import Settings
from app.signals import notice
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
    imports_router.router,
    export_router.router,
    calendar_router.router,
    patients_router.router,
    care_team_router.router,
    consents_router.router,
    break_glass_router.router,
    devices_router.router,
    identity_router.router,
    medications_router.router,
    regimen_router.router,
    reference_router.router,
    assessments_router.router,
    assessments_router.instruments_router,
    measurements_router.router,
    signals_router.router,
    signals_router.notice_router,
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
    caseload_router.router,
    trends_router.router,
    trends_router.digest_router,
    trends_router.brief_router,
    trends_router.history_router,
    trends_router.decision_router,
)


def admit(work: Work) -> None:
    """Let a member in, who from here on finds no trace of what needs a consent and has none."""
    identity.admit(work)
    sight.blind(work)


ASKED_BY_BROWSERS = ["Authorization", "Content-Type", "If-Match", "Idempotency-Key", "X-Request-Id"]
TOLD_TO_BROWSERS = [
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Redisclosure-Notice",
    "X-Request-Id",
]


class Ledger:
    """What the writer is handed: the chains' lock and seal, and a batch's common questions.

    ends: where each clinic's journal ends is noted here, for who reads on in it.
    """

    def __init__(self, ends: dict[UUID, int] | None = None) -> None:
        self._ends = {} if ends is None else ends

    def open(self, session: Session, works: Sequence[tuple[Call, Work]]) -> Heads:
        return journal.hold(works, self._ask(session, works, journal.lock(session, works)))

    def ask(self, session: Session, works: Sequence[tuple[Call, Work]]) -> None:
        self._ask(session, works)

    def _ask(
        self, session: Session, works: Sequence[tuple[Call, Work]], after: Asked | None = None
    ) -> Sequence[Sequence[Any]]:
        rooms = (identity, patients, measurements, journal)
        questions = [question for room in rooms for question in room.recall(works)]
        clinics = {work.actor.clinic_id for _call, work in works}
        return ask(session, questions, clinics, after)

    def admit(self, work: Work) -> None:
        admit(work)

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
        for (clinic_id, kind), head in heads.items():
            if kind == "journal":
                self._ends[clinic_id] = head.sequence
        return journal.moved(heads)


def create_app(settings: Settings | None = None, clock: Clock = clocks.now) -> FastAPI:
    """Build the app; its database is opened, and its writer started, by its lifespan."""
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = _open(settings)
        app.state.engine = engine
        app.state.issuer = Issuer.of_file(settings.key_file)
        app.state.verified = Verified(Issuers(app.state.issuer, _outside(settings)))
        ends: dict[UUID, int] = {}
        ledger = Ledger(ends)
        app.state.writer = Writer(engine, clock, ledger)
        app.state.reader = Reader(snapshots(engine), clock, ledger)
        if settings.mode == "production":
            try:
                _require_own_words(engine, app.state.reader)
            except BaseException:
                app.state.reader.stop()
                engine.dispose()
                raise
        app.state.refresher = Refresher(engine, app.state.reader, app.state.writer, ends)
        app.state.writer.start()
        # Beside a clock that somebody moves by hand, nothing runs that waits in real time.
        if clock is clocks.now:
            app.state.refresher.start()
        # What start-up made stays for good: the collector need not walk it on every request,
        # and a batch makes thousands of objects that are gone with it.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 100)
        # The writer's thread and the loop hand each other the interpreter many times a batch.
        sys.setswitchinterval(0.0003)
        try:
            yield
        finally:
            app.state.refresher.stop()
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
    app.state.metrics = metrics.Metrics()
    app.state.reserve = Reserve(settings.database_url, settings.data_dir, settings.disk_reserve_mib)
    app.state.limiter = Limiter() if settings.rate_limits == "on" else None
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]  # the documented way
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=ASKED_BY_BROWSERS,
            expose_headers=TOLD_TO_BROWSERS,
        )
    app.add_middleware(AroundRequests)
    problems.install(app)
    for router in ROUTERS:
        _require_a_door_keeper(router)
        # The routes themselves, not `include_router`: that would try each one twice over.
        app.router.routes.extend(router.routes)
    # No token is asked for here: one is given, or the process says that it lives.
    for public in (identity_router.public, health.router, metrics.router):
        app.router.routes.extend(public.routes)
    return app


def _open(settings: Settings) -> Engine:
    """Open the database; one that is not to be relied on is refused, and closed again."""
    engine = open_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            durability.require_durable(connection)
            if settings.mode == "production":
                walls.require_safe_role(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine


class NoSafetyNotice(RuntimeError):
    """A clinic would answer patients at risk without a telephone number."""


def _require_own_words(engine: Engine, reader: Reader) -> None:
    """Refuse to serve patients of a clinic that has not said whom they call.

    Raises:
        NoSafetyNotice: names the clinic, and what to run.
    """
    with engine.connect() as connection:
        clinics = identity.clinics(connection)
    for clinic_id in clinics:
        actor = identity.built_in_actor(clinic_id, "system")
        if not reader.ask(notice.is_own, actor, Trace("-", "GET", "start")):
            raise NoSafetyNotice(
                f"clinic {clinic_id} has no safety notice of its own: "
                f'titrate safety-notice "whom to call" --clinic {clinic_id}'
            )


def _outside(settings: Settings) -> OutsideIssuer | None:
    """Give the outside issuer of the settings, its keys fetched."""
    if settings.oidc_issuer is None:
        return None
    outside = OutsideIssuer(settings.oidc_issuer, settings.oidc_audience)
    outside.fetch()
    return outside


def _require_a_door_keeper(router: APIRouter) -> None:
    """Deny by default: a route that asks for no role, or whose scope nobody named, stops us."""
    for route in router.routes:
        assert isinstance(route, APIRoute)
        if not any(isinstance(one.call, Require) for one in route.dependant.dependencies):
            raise RuntimeError(f"{route.name} lets anybody in")
        for method in route.methods or ():
            scopes.need(route.path, method)
