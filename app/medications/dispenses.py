"""What the pharmacy handed out: supply on hand, never a dose taken."""

from uuid import UUID

from app.core.answer import Answer
from app.core.db import Work
from app.medications import rules
from app.medications.models import Dispense
from app.medications.of_course import post_all, require_course, require_same_course, within
from app.medications.schemas import DispenseIn, DispensesIn
from app.patients import records
from app.patients.records import Kind, Place
from app.patients.service import Person


def record(
    work: Work, patient_id: UUID, medication_id: UUID, data: DispenseIn | DispensesIn
) -> Answer:
    """Store one fill, or all of several or none.

    Raises:
        NotFound: no such patient for this caller, or no such course of this patient.
        Invalid: its day cannot be, or a quantity lacks its unit.
        AlreadyExists: an id is taken by other content.
    """
    require_course(work, patient_id, medication_id)
    if isinstance(data, DispenseIn):
        return records.post(work, DISPENSE, patient_id, within(data, medication_id))
    return post_all(work, DISPENSE, patient_id, medication_id, data.dispenses, "/dispenses")


def _keep(
    work: Work, person: Person, data: DispenseIn, place: Place, *, pointer: str = ""
) -> Answer:
    if isinstance(place.row, Dispense):
        require_same_course(place.row, data)
    rules.refuse(rules.faults_of_dispense(person, work.now, data), pointer)
    return records.keep(
        work,
        DISPENSE,
        person,
        place,
        data,
        columns={
            "medication_id": data.medication_id,
            "dispensed_on": data.dispensed_on,
            "quantity": data.quantity,
            "unit": data.unit,
            "days_supply": data.days_supply,
        },
    )


DISPENSE = Kind("dispense", Dispense, DispenseIn, _keep, order="dispensed_on")
