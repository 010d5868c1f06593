"""What an import answers."""

from typing import Literal
from uuid import UUID

from app.core.wire import Wire
from app.imports.results import Status


class ResultOut(Wire):
    """One entry of the file: its number, and what became of it."""

    file: str
    entry: int
    type: str
    status: Status
    reason: str | None
    words: str | None
    record_id: UUID | None


class Counts(Wire):
    created: int
    updated: int
    withdrawn: int
    unchanged: int
    skipped: int


class ImportOut(Wire):
    """One result an entry, in the order of the file; nothing is stored by a dry run."""

    format: Literal["fhir", "csv", "hl7v2"]
    dry_run: bool
    counts: Counts
    results: list[ResultOut]
