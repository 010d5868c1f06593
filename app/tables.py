"""Imports every room's tables, for Alembic and for whoever asks the metadata."""

import importlib

from app.core.base import Base

for room in (
    "identity",
    "journal",
    "patients",
    "measurements",
    "signals",
    "interactions",
    "medications",
    "assessments",
    "followups",
):
    importlib.import_module(f"app.{room}.models")

metadata = Base.metadata
