"""The one place that lets a caller in: a valid token, a role and a scope that fit the route."""

from collections import OrderedDict
from typing import Annotated, get_args

from fastapi import Depends, Request

from app.core.actor import Actor, Role
from app.core.errors import Forbidden, Unauthenticated
from app.core.limits import AUTH, SYSTEM, USER, WRITE_WEIGHT, Limiter
from app.identity import scopes
from app.identity.outside import Issuers


class Verified:
    """Keeps verified tokens until they expire; the key is the whole token."""

    def __init__(self, issuer: Issuers, most: int = 10_000) -> None:
        self._issuer = issuer
        self._most = most
        self._kept: OrderedDict[str, tuple[Actor, float]] = OrderedDict()

    def actor(self, request: Request) -> Actor:
        """Give the caller, and leave it with the request for the access row of a refusal."""
        known: Actor | None = getattr(request.state, "actor", None)
        if known is None:
            known = request.state.actor = self._of_token(request)
        return known

    def _of_token(self, request: Request) -> Actor:
        header = request.headers.get("authorization", "")
        if header[:7].lower() != "bearer ":
            raise Unauthenticated()
        token = header[7:]
        now = request.app.state.clock()
        kept = self._kept.get(token)
        if kept is not None and kept[1] > now.timestamp():
            return kept[0]
        verified = self._issuer.verify(token, now)
        self._kept[token] = verified
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return verified[0]


class Require:
    """A dependency that lets in only valid tokens of some roles, whose scope opens the route.

    Every route under /v1 has one; the app does not start with a route that lacks it.
    """

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)

    async def __call__(self, request: Request) -> Actor:
        verified: Verified = request.app.state.verified
        actor = verified.actor(request)
        if actor.role not in self.roles or not scopes.allows(
            actor.scope, actor.role, request.scope["route"].path, request.method
        ):
            raise Forbidden()
        limit(request, actor)
        return actor


def limit(request: Request, actor: Actor) -> None:
    """Count a request to its user; a write counts as five.

    Raises:
        RateLimited: the minute's share is used up.
    """
    limiter: Limiter | None = request.app.state.limiter
    if limiter is not None:
        policy = SYSTEM if actor.role == "system" else USER
        weight = 1 if request.method == "GET" else WRITE_WEIGHT
        caller = (actor.clinic_id, actor.user_id)
        now = request.app.state.clock().timestamp()
        request.state.left = limiter.take(policy, caller, weight, now)


async def limited_by_address(request: Request) -> None:
    """Count a request for a token to the address that it comes from.

    Raises:
        RateLimited: the minute's share is used up.
    """
    limiter: Limiter | None = request.app.state.limiter
    if limiter is not None:
        address = request.client.host if request.client else "-"
        now = request.app.state.clock().timestamp()
        request.state.left = limiter.take(AUTH, address, 1, now)


Clinician = Annotated[Actor, Depends(Require("prescriber", "care_team", "system"))]
"""Writes the clinical record: staff of the clinic, or its EHR."""
CareTeam = Annotated[Actor, Depends(Require("prescriber", "care_team"))]
"""A named person of the clinic: a machine acknowledges nothing."""
CareTeamOrPatient = Annotated[Actor, Depends(Require("prescriber", "care_team", "patient"))]
Prescriber = Annotated[Actor, Depends(Require("prescriber"))]
AnyMember = Annotated[Actor, Depends(Require(*get_args(Role)))]
ClinicianOrPatient = Annotated[
    Actor, Depends(Require("prescriber", "care_team", "system", "patient"))
]
