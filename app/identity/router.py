"""The token endpoint, what it publishes of itself, and the clinic's users."""

import binascii
from base64 import b64decode
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote_plus
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response

from app.core.actor import Actor
from app.core.db import Call
from app.core.errors import (
    BodyTooLarge,
    TitrateError,
    Unauthenticated,
    UnsupportedMediaType,
)
from app.core.openapi import Route
from app.core.web import Body, Reading, Writing, submit, trace_of
from app.identity import devices, oauth, scopes, users
from app.identity.deps import Require, limited_by_address
from app.identity.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    UnsupportedGrantType,
)
from app.identity.oauth import Grant, Proof
from app.identity.schemas import TokenOut, UserIn, UserOut, UserPage, UserPatch
from app.identity.tokens import LIFETIME, Issuer

MOST_FORM = 16 * 1024
FORM = "application/x-www-form-urlencoded"
public = APIRouter(tags=["oauth"], route_class=Route)
"""Routes that ask for no token: they give one, or say how to get one."""
router = APIRouter(prefix="/v1/users", tags=["users"], route_class=Route)
Administrator = Annotated[Actor, Depends(Require("administrator"))]


# ---- tokens


def _form_of(required: str) -> dict[str, Any]:
    """Describe a form, whose parameters are RFC 6749's and RFC 7009's."""
    schema = {
        "type": "object",
        "required": [required],
        "additionalProperties": {"type": "string"},
    }
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


@public.post(
    "/oauth/token",
    response_model=TokenOut,
    openapi_extra=_form_of("grant_type"),
    dependencies=[Depends(limited_by_address)],
)
async def give_token(request: Request) -> Response:
    """Give an access token for a client's credentials, an enrolment code or a refresh token."""
    form = await _form(request)
    kind = form.get("grant_type", "")
    if kind == oauth.CLIENT_CREDENTIALS:
        grant = await _for_system(request, form)
    elif kind == oauth.ENROLMENT:
        grant = await _for_code(request, form)
    elif kind == oauth.REFRESH:
        grant = await _for_refresh(request, form)
    elif kind:
        raise UnsupportedGrantType()
    else:
        raise InvalidRequest()
    issuer: Issuer = request.app.state.issuer
    token = issuer.issue(
        request.app.state.clock(),
        clinic_id=grant.clinic_id,
        user_id=grant.user_id,
        role=grant.role,
        client=grant.client,
        patient_id=grant.patient_id,
        scope=grant.scope,
        session=grant.device_id,
    )
    told: dict[str, Any] = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": int(LIFETIME.total_seconds()),
        "scope": grant.scope,
    }
    if grant.refresh_token is not None:
        told |= {"refresh_token": grant.refresh_token, "patient": str(grant.patient_id)}
    return Response(orjson.dumps(told), media_type="application/json")


@public.post(
    "/oauth/revoke",
    response_class=Response,
    openapi_extra=_form_of("token"),
    dependencies=[Depends(limited_by_address)],
)
async def revoke_token(request: Request) -> Response:
    """Take a token back at once (RFC 7009); one that is none of ours is none already."""
    token = oauth.one(await _form(request), "token")
    issuer: Issuer = request.app.state.issuer
    try:
        sent = devices.read_refresh(issuer.secret, token)
        clinic_id, token_id = sent.clinic_id, str(sent.device_id)
    except InvalidGrant:
        try:
            actor, _until = issuer.verify(token, request.app.state.clock())
        except Unauthenticated:
            return Response(status_code=200)
        clinic_id, token_id = actor.clinic_id, actor.token_id
    await _ask(request, oauth.take_back, oauth.door_keeper(clinic_id), token_id)
    return Response(status_code=200)


async def _for_system(request: Request, form: dict[str, str]) -> Grant:
    name, proof = _proof(request, form)
    clinic_id, user_id = users.read_client_id(name)
    address = str(request.base_url).rstrip("/")
    audiences = (f"{address}/oauth/token", address)
    asked = form.get("scope", "")
    actor = oauth.system_actor(clinic_id, user_id)
    try:
        grant: Grant = await _ask(request, oauth.for_system, actor, proof, asked, audiences)
    except Unauthenticated as refusal:
        raise InvalidClient() from refusal
    return grant


def _proof(request: Request, form: dict[str, str]) -> tuple[str, Proof]:
    """Read who the client says it is, and what it brings: one way to prove it, not two."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    by_header = scheme.lower() == "basic"
    by_assertion = "client_assertion" in form
    if by_header + by_assertion + ("client_secret" in form) != 1:
        raise InvalidClient()
    if by_header:
        try:
            name, _, secret = b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise InvalidClient() from None
        return unquote_plus(name), Proof(unquote_plus(secret), None)
    if by_assertion:
        if form.get("client_assertion_type") != oauth.ASSERTION:
            raise InvalidClient()
        return _subject_of(form["client_assertion"]), Proof(None, form["client_assertion"])
    return form.get("client_id", ""), Proof(form["client_secret"], None)


def _subject_of(assertion: str) -> str:
    """Give the client that a statement names, before it is verified by that client's keys."""
    try:
        payload = assertion.split(".")[1]
        said = orjson.loads(b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_"))
        return str(said["sub"])
    except (IndexError, KeyError, TypeError, ValueError):
        raise InvalidClient() from None


async def _for_code(request: Request, form: dict[str, str]) -> Grant:
    code = oauth.one(form, "code")
    actor = oauth.door_keeper(devices.clinic_of_code(code))
    secret = request.app.state.issuer.secret
    name = form.get("device_name", "")[:200]
    try:
        grant: Grant = await _ask(request, oauth.for_code, actor, code, name, secret)
    except Unauthenticated as refusal:
        raise InvalidGrant() from refusal
    return grant


async def _for_refresh(request: Request, form: dict[str, str]) -> Grant:
    secret = request.app.state.issuer.secret
    sent = devices.read_refresh(secret, oauth.one(form, "refresh_token"))
    actor = oauth.door_keeper(sent.clinic_id)
    try:
        grant: Grant | None = await _ask(request, oauth.for_refresh, actor, sent, secret)
    except Unauthenticated as refusal:
        raise InvalidGrant() from refusal
    if grant is None:
        raise InvalidGrant()
    return grant


async def _ask(request: Request, service: Any, actor: Actor, *args: Any) -> Any:
    call = Call(service, actor, args, trace_of(request))
    await submit(request, call)
    if call.error is not None:
        refusal: TitrateError = call.error
        raise refusal
    return call.value


async def _form(request: Request) -> dict[str, str]:
    """Read a form whose parameters stand once each."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise UnsupportedMediaType("the body must be application/x-www-form-urlencoded")
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MOST_FORM:
            raise BodyTooLarge()
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise InvalidRequest() from None
    form = dict(pairs)
    if len(form) != len(pairs) or any("\x00" in value for value in form.values()):
        raise InvalidRequest()
    return form


# ---- what it says of itself


@public.get("/.well-known/jwks.json", include_in_schema=False)
async def show_keys(request: Request) -> Response:
    """Give the keys that our tokens are verified by."""
    keys = request.app.state.issuer.public_keys()
    return Response(orjson.dumps(keys), media_type="application/json")


@public.get("/.well-known/smart-configuration", include_in_schema=False)
async def show_smart_configuration(request: Request) -> Response:
    """Say what an app or an EHR may expect (SMART App Launch v2)."""
    address = str(request.base_url).rstrip("/")
    told = {
        "jwks_uri": f"{address}/.well-known/jwks.json",
        "token_endpoint": f"{address}/oauth/token",
        "revocation_endpoint": f"{address}/oauth/revoke",
        "grant_types_supported": oauth.GRANTS,
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "token_endpoint_auth_signing_alg_values_supported": users.ASYMMETRIC,
        "scopes_supported": sorted(set(" ".join(scopes.DEFAULT.values()).split())),
        "code_challenge_methods_supported": ["S256"],
        "capabilities": [
            "client-confidential-symmetric",
            "client-confidential-asymmetric",
            "permission-patient",
            "permission-user",
            "permission-v1",
            "permission-v2",
        ],
    }
    return Response(orjson.dumps(told), media_type="application/json")


# ---- users


@router.post("", status_code=201, response_model=UserOut)
async def add_user(
    request: Request, data: Body[UserIn], actor: Administrator, write: Writing
) -> Response:
    """Add a user of the clinic; a system's secret is shown in this answer alone."""
    return await write(users.add, actor, data, request.app.state.settings.oidc_issuer)


@router.get("", response_model=UserPage)
async def list_users(actor: Administrator, read: Reading) -> Response:
    """Give the clinic's users."""
    return await read(users.page, actor)


@router.patch("/{user_id}", response_model=UserOut)
async def change_user(
    user_id: UUID, data: Body[UserPatch], actor: Administrator, write: Writing
) -> Response:
    """Rename a user, or end the membership at once with `active: false`."""
    return await write(lambda work: users.change(work, user_id, data), actor)
