"""Small bundles and files, and the import as a command would run it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.db import open_engine
from app.core.scope import of_clinics
from app.identity import service as identity
from app.imports import service as imports
from app.imports.results import Result
from app.journal.models import Entry
from tests.conftest import Clinic

LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
MRN = "urn:example:mrn"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": MRN, "value": "S-1"}],
    "name": [{"family": "Example", "given": ["Sam"]}],
    "birthDate": "1980-05-01",
}


def observation(id_: str, code: str, **members: Any) -> dict[str, Any]:
    """A final LOINC observation of the patient above, on one day unless said otherwise."""
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-04-13T10:30:00-04:00",
        **members,
    }


def request(id_: str, authored: str, **members: Any) -> dict[str, Any]:
    """An active order of sertraline 50 mg once a day."""
    return {
        "resourceType": "MedicationRequest",
        "id": id_,
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": "36437", "display": "sertraline"}]
        },
        "authoredOn": authored,
        "dosageInstruction": [
            once_a_day({"value": 50, "unit": "mg", "system": UCUM, "code": "mg"})
        ],
        **members,
    }


def once_a_day(quantity: dict[str, Any]) -> dict[str, Any]:
    return {
        "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [{"doseQuantity": quantity}],
    }


def bundle(folder: Path, *resources: dict[str, Any], name: str = "bundle.json") -> Path:
    file = folder / name
    entries = [{"resource": one} for one in resources]
    content = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    file.write_text(json.dumps(content))
    return file


def run(
    clinic: Clinic,
    *files: Path,
    create_patients: bool = True,
    system: str | None = None,
    care_team: UUID | None = None,
    dry_run: bool = False,
) -> list[Result]:
    return list(
        imports.import_files(
            clinic.app.state.writer,
            identity.built_in_actor(identity.DEFAULT_CLINIC, "system"),
            files,
            format=None,
            create_patients=create_patients,
            system=system,
            care_team=care_team,
            dry_run=dry_run,
            progress=lambda done, total: None,
        )
    )


def said(results: Sequence[Result]) -> list[str]:
    """Each result in one word: the status, or why it was skipped."""
    return [one.reason or one.status if one.status == "skipped" else one.status for one in results]


def journal_rows(clinic: Clinic) -> int:
    engine = open_engine(clinic.app.state.settings.database_url)
    with Session(engine) as session:
        statement = select(func.count()).select_from(Entry)
        options = of_clinics(identity.DEFAULT_CLINIC)
        found = session.execute(statement, execution_options=options).scalar_one()
    engine.dispose()
    return found
