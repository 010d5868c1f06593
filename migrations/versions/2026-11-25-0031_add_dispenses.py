"""add dispenses

What the pharmacy handed out, what a patient says is taken, and a clinic's own medicines.

Revision: 5e8a03c1d7f4
Follows: 4d1c9e72a0b3
"""

import sqlalchemy as sa
from alembic import op

revision = "5e8a03c1d7f4"
down_revision = "4d1c9e72a0b3"
branch_labels = None
depends_on = None

_ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_EXACT = sa.Numeric(10, 4).with_variant(sa.Integer(), "sqlite")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Three nullable columns: no table is rewritten, neither here nor on the way back.
    op.add_column("dose_events", sa.Column("parts", sa.Text(), nullable=True))
    op.add_column("dose_events", sa.Column("interval_days", sa.Integer(), nullable=True))
    op.add_column("dose_events", sa.Column("planned_step_id", _ID, nullable=True))

    op.create_table(
        "dispenses",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("medication_id", _ID, nullable=False),
        sa.Column("dispensed_on", sa.Date(), nullable=False),
        sa.Column("quantity", _EXACT, nullable=True),
        sa.Column("unit", sa.String(length=20), nullable=True),
        sa.Column("days_supply", sa.Integer(), nullable=True),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.CheckConstraint("days_supply >= 1", name=op.f("ck_dispenses_days_supply")),
        sa.CheckConstraint(
            "(quantity IS NULL) = (unit IS NULL)", name=op.f("ck_dispenses_quantity")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "medication_id"],
            ["medications.clinic_id", "medications.id"],
            name=op.f("fk_dispenses_clinic_id_medication_id_medications"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patients.clinic_id", "patients.id"],
            name=op.f("fk_dispenses_clinic_id_patient_id_patients"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_dispenses")),
    )
    op.create_index(
        op.f("ix_dispenses_clinic_id_medication_id_dispensed_on"),
        "dispenses",
        ["clinic_id", "medication_id", "dispensed_on"],
    )

    op.create_table(
        "reported_intakes",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("record_id", _ID, nullable=False),
        sa.Column("place", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("asserted", _BIG, autoincrement=False, nullable=False),
        sa.Column("retracted", _BIG, nullable=True),
        sa.Column("medication_id", _ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("amount", _EXACT, nullable=True),
        sa.Column("unit", sa.String(length=20), nullable=True),
        sa.Column("times_per_day", _EXACT, nullable=True),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("missed_days", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["clinic_id", "medication_id"],
            ["medications.clinic_id", "medications.id"],
            name=op.f("fk_reported_intakes_clinic_id_medication_id_medications"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patients.clinic_id", "patients.id"],
            name=op.f("fk_reported_intakes_clinic_id_patient_id_patients"),
        ),
        sa.PrimaryKeyConstraint(
            "clinic_id",
            "patient_id",
            "record_id",
            "place",
            "asserted",
            name=op.f("pk_reported_intakes"),
        ),
    )

    op.create_table(
        "registered_medications",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id"],
            ["clinics.clinic_id"],
            name=op.f("fk_registered_medications_clinic_id_clinics"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "code", name=op.f("pk_registered_medications")),
    )


def downgrade() -> None:
    op.drop_table("registered_medications")
    op.drop_table("reported_intakes")
    op.drop_index(op.f("ix_dispenses_clinic_id_medication_id_dispensed_on"), table_name="dispenses")
    op.drop_table("dispenses")
    op.drop_column("dose_events", "planned_step_id")
    op.drop_column("dose_events", "interval_days")
    op.drop_column("dose_events", "parts")
