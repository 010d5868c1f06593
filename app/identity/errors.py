"""What the token endpoint refuses, in the words of RFC 6749, section 5.2."""

from typing import ClassVar

from app.core.errors import BadRequest, TitrateError, Unauthenticated


class _Told(TitrateError):
    """Says beside its own members what an OAuth client looks for."""

    error: ClassVar[str]

    def told(self) -> dict[str, object]:
        return super().told() | {"error": self.error}


class InvalidRequest(_Told, BadRequest):
    code = "invalid-parameter"
    title = "The token request lacks a parameter, or has one twice"
    error = "invalid_request"


class InvalidGrant(_Told, BadRequest):
    code = "invalid-grant"
    title = "The code or refresh token is unknown, used, expired or taken back"
    error = "invalid_grant"


class UnsupportedGrantType(_Told, BadRequest):
    code = "unsupported-grant-type"
    title = "That grant type is not given here"
    error = "unsupported_grant_type"


class InvalidScope(_Told, BadRequest):
    code = "invalid-scope"
    title = "Nothing that was asked for is granted to this client"
    error = "invalid_scope"


class InvalidClient(_Told, Unauthenticated):
    code = "invalid-client"
    title = "The client is unknown, or did not prove who it is"
    error = "invalid_client"

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Basic realm="titrate"'}
