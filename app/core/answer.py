"""What a service hands to the web: JSON text, and what HTTP says beside it."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, already written. A record's answer is stored with it and given back as is."""

    body: bytes
    record_id: UUID | None = None
    version: int | None = None
    sequence: int | None = None
    """The journal's sequence that made this version, where the answer made one."""
    created: bool = False
    replayed: bool = False
    media_type: str = "application/json"
    next: str | None = None
    """The cursor of the next page of a list."""
    etag: str | None = None
    """What names a computed answer, where no version does."""
    unchanged: bool = False
    """The caller has it already: 304, without a body."""
    attachment: str | None = None
    """The name of the file that a browser is to save and not to show."""
