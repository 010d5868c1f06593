"""Keyset pages: stable order, an opaque signed cursor."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from app.core.answer import Answer
from app.core.errors import InvalidCursor

DEFAULT_LIMIT = 50
MOST = 500


@dataclass(frozen=True, slots=True)
class Page:
    """How much of a list is asked for, and after which row."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


def write_cursor(secret: bytes, list_name: str, *position: str) -> str:
    """Sign a position of one list; it says nothing to a client and fits no other list."""
    payload = "\x1f".join((list_name, *position)).encode()
    signature = hmac.digest(secret, payload, "sha256")[:12]
    return urlsafe_b64encode(signature + payload).decode().rstrip("=")


def read_cursor(secret: bytes, list_name: str, cursor: str) -> tuple[str, ...]:
    """Give the position back.

    Raises:
        InvalidCursor: not one of ours, changed, or of another list.
    """
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        signature, payload = raw[:12], raw[12:]
        name, *position = payload.decode().split("\x1f")
    except ValueError:
        raise InvalidCursor() from None
    expected = hmac.digest(secret, payload, sha256)[:12]
    if name != list_name or not hmac.compare_digest(signature, expected):
        raise InvalidCursor()
    return tuple(position)


def join(texts: Sequence[str], next_cursor: str | None) -> Answer:
    """Write a page from stored JSON texts, without parsing them."""
    tail = f',"next":"{next_cursor}"}}' if next_cursor else ',"next":null}'
    return Answer(('{"items":[' + ",".join(texts) + "]" + tail).encode(), next=next_cursor)
