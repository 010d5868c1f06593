"""What became of each entry of a file, and how a reader says that it cannot take one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

MOST_BYTES = 200 * 1024 * 1024
Status = Literal["created", "updated", "withdrawn", "unchanged", "skipped"]


class Unreadable(Exception):
    """A file that cannot be read as a whole; nothing of any file was stored."""

    def __init__(self, file: str, place: str | None, why: str) -> None:
        super().__init__(f"{file}{f', {place}' if place else ''}: {why}")
        self.place = place


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that came in a request and is on no disk."""

    name: str
    content: bytes


File = Path | Sent


def contents(file: File) -> bytes:
    """Give what is in a file of at most 200 MiB."""
    if isinstance(file, Sent):
        return file.content
    if file.stat().st_size > MOST_BYTES:
        raise Unreadable(file.name, None, "is larger than 200 MiB")
    return file.read_bytes()


class Skipped(Exception):
    """One entry that is not taken: a code for programs, words for people; no values."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


@dataclass(frozen=True, slots=True)
class Result:
    """One entry of a file: what became of it, and the reason where it was skipped.

    updated: the source corrected it since, which is a new version of the same record.
    withdrawn: the source takes it back, so that the record is marked as entered in error.
    entry: its number in the file, from 1; of a CSV file the line, the header being line 1.
    type: the FHIR resource type, or `observation` and `dose_event` of a CSV row.
    reason: a code; a created entry has one where something about it has to be known.
    """

    file: str
    entry: int
    type: str
    status: Status
    reason: str | None = None
    words: str | None = None
    record_id: UUID | None = None

    def told(self) -> dict[str, Any]:
        """Give the result for a line of JSON."""
        return {
            "file": self.file,
            "entry": self.entry,
            "type": self.type,
            "status": self.status,
            "reason": self.reason,
            "words": self.words,
            "record_id": str(self.record_id) if self.record_id else None,
        }
