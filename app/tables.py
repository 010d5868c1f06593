"""Imports every room's tables, for Alembic and for whoever asks the metadata."""

import importlib

from app.core.base import Base

for room in (
    "identity",
    "journal",
    "patients",
    "measurements",
    "signals",
    "labs",
    "interactions",
    "medications",
    "assessments",
    "followups",
    "care",
    "monitoring",
    "caseload",
    "sync",
):
    importlib.import_module(f"app.{room}.models")

metadata = Base.metadata
