"""Tamper evidence: a hash chain over salted commitments, one chain a clinic and kind.

commitment = SHA-256(salt, content); hash = SHA-256(previous hash, sequence, commitment).
The salt lies beside the row. Erasing a person removes content and salt; the commitment
stays, says nothing by itself, and the chain still verifies.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import orjson

Kind = Literal["access", "journal"]
GENESIS = "0" * 64


@dataclass(slots=True)
class Head:
    """The last link of one chain, as locked for this transaction."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Link:
    """What a row carries to stand in its chain."""

    sequence: int
    salt: str
    commitment: str
    previous_hash: str
    hash: str


def content_of(columns: Mapping[str, Any]) -> bytes:
    """Give the bytes that a row commits to: every column but the clinic and the link itself."""
    return orjson.dumps(columns, option=orjson.OPT_SORT_KEYS)


def commit_to(salt: str, content: bytes) -> str:
    """Give the commitment to a content; without the salt it cannot be guessed."""
    return sha256(bytes.fromhex(salt) + content).hexdigest()


def hash_link(previous_hash: str, sequence: int, commitment: str) -> str:
    """Give the hash of a link."""
    return sha256(f"{previous_hash}|{sequence}|{commitment}".encode()).hexdigest()


def extend(head: Head, content: bytes) -> Link:
    """Move the head by one link that commits to `content`."""
    salt = os.urandom(16).hex()
    commitment = commit_to(salt, content)
    sequence = head.sequence + 1
    link = Link(sequence, salt, commitment, head.hash, hash_link(head.hash, sequence, commitment))
    head.sequence, head.hash = sequence, link.hash
    return link
