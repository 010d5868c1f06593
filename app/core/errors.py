"""The error tree, pure: what happened, and the status that HTTP gives it.

TitrateError
├── BadRequest 400          MalformedJson, InvalidParameter, InvalidCursor,
│                           IdempotencyKeyMissing, IdempotencyKeyInvalid
├── Unauthenticated 401
├── Forbidden 403           BreakGlassRequired
├── NotFound 404            absent, or not yours: the same answer
├── Conflict 409            AlreadyExists, PatientMismatch
├── Gone 410                Erased, CursorExpired
├── StaleVersion 412        ├── BodyTooLarge 413, AddressTooLong 414, HeadersTooLarge 431
├── Unprocessable 422       Invalid, IdempotencyKeyReused
├── PreconditionRequired 428  ├── RateLimited 429
└── Unavailable 503         DatabaseUnavailable, AccessLogUnavailable, Overloaded; StorageFull 507

No error carries a value of the input: what is wrong is named by a JSON Pointer and a code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the input, where it stands, and what would pass."""

    pointer: str
    code: str
    detail: str


class TitrateError(Exception):
    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self, detail: str | None = None, *, pointer: str | None = None, faults: Sequence[Fault] = ()
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.faults = tuple(faults)
        if pointer is not None:
            self.faults += (Fault(pointer, self.code, detail or self.title),)

    def headers(self) -> dict[str, str]:
        return {}

    def told(self) -> dict[str, object]:
        """Give the members of the problem (RFC 9457) that this error is on the wire."""
        told: dict[str, object] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
        }
        if self.detail and not self.faults:
            told["detail"] = self.detail
        if self.faults:
            told["errors"] = [
                {"pointer": fault.pointer, "code": fault.code, "detail": fault.detail}
                for fault in self.faults
            ]
        return told


class BadRequest(TitrateError):
    status = 400
    code = "invalid-parameter"
    title = "The request could not be read"


class MalformedJson(BadRequest):
    code = "malformed-json"
    title = "The body is not the JSON that we can read"


class InvalidParameter(BadRequest):
    title = "A parameter is not valid"


class InvalidCursor(BadRequest):
    code = "invalid-cursor"
    title = "The cursor is not one of ours, or belongs to another list"


class IdempotencyKeyMissing(BadRequest):
    code = "idempotency-key-missing"
    title = "Send an `id` made by the client, or an Idempotency-Key header"


class IdempotencyKeyInvalid(BadRequest):
    code = "idempotency-key-invalid"
    title = "An Idempotency-Key is 1 to 255 visible ASCII characters"


class Unauthenticated(TitrateError):
    status = 401
    code = "unauthenticated"
    title = "A valid bearer token is needed"

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class Forbidden(TitrateError):
    status = 403
    code = "insufficient-scope"
    title = "This token may not do that"


class BreakGlassRequired(Forbidden):
    code = "break-glass-required"
    title = "Breaking the glass needs a reason"


class NotFound(TitrateError):
    status = 404
    code = "not-found"
    title = "There is no such thing here"


class Conflict(TitrateError):
    status = 409
    code = "conflict"
    title = "It collides with what is there"


class AlreadyExists(Conflict):
    code = "already-exists"
    title = "The id or key is taken by other content"


class PatientMismatch(Conflict):
    code = "patient-mismatch"
    title = "The patient in the path and in the body differ"


class Gone(TitrateError):
    status = 410
    code = "gone"
    title = "It is no longer here"


class Erased(Gone):
    code = "erased"
    title = "It was erased, and nothing of it is kept"


class CursorExpired(Gone):
    """What the cursor stands on is not in the record any more: it was restored since."""

    code = "cursor-expired"
    title = "The cursor is from another past: read everything again, without `since`"

    def __init__(self, resync: str) -> None:
        super().__init__()
        self.resync = resync

    def headers(self) -> dict[str, str]:
        return {"Link": f'<{self.resync}>; rel="full-resync"'}


class StaleVersion(TitrateError):
    status = 412
    code = "stale-version"
    title = "The record has moved on since the version that was read"

    def __init__(self, current_version: int) -> None:
        super().__init__()
        self.current_version = current_version

    def headers(self) -> dict[str, str]:
        return {"ETag": f'"{self.current_version}"'}


class BodyTooLarge(TitrateError):
    status = 413
    code = "body-too-large"
    title = "The body is larger than what is read here"


class AddressTooLong(BodyTooLarge):
    status = 414
    title = "The address is longer than what is read here"


class HeadersTooLarge(BodyTooLarge):
    status = 431
    title = "The headers are larger than what is read here"


class UnsupportedMediaType(TitrateError):
    status = 415
    code = "unsupported-media-type"
    title = "The body must be application/json"


class NotAcceptable(TitrateError):
    status = 406
    code = "not-acceptable"
    title = "None of the accepted formats is made here"


class Unprocessable(TitrateError):
    status = 422
    code = "validation"
    title = "The request is well-formed but not valid"


class Invalid(Unprocessable):
    """One or more members are wrong; `faults` says which and what would pass."""


class IdempotencyKeyReused(Unprocessable):
    code = "idempotency-key-reused"
    title = "This Idempotency-Key was used with another body"


class PreconditionRequired(TitrateError):
    status = 428
    code = "precondition-required"
    title = "Send If-Match with the version that was read"


class RateLimited(TitrateError):
    status = 429
    code = "rate-limited"
    title = "Too many requests in this minute"

    def __init__(self, left: Mapping[str, str], retry_after_s: int) -> None:
        super().__init__()
        self._headers = {**left, "Retry-After": str(retry_after_s)}

    def headers(self) -> dict[str, str]:
        return self._headers


class Unavailable(TitrateError):
    status = 503
    code = "overloaded"
    title = "Not now; please send it again"

    def headers(self) -> dict[str, str]:
        return {"Retry-After": "1"}


class DatabaseUnavailable(Unavailable):
    code = "database-unavailable"
    title = "The database does not answer; nothing was stored"


class AccessLogUnavailable(Unavailable):
    code = "access-log-unavailable"
    title = "The access log cannot be written, so nothing is shown"


class StorageFull(Unavailable):
    status = 507
    code = "storage-full"
    title = "There is no room to store it; nothing was stored"
