"""add labs and monitoring waivers

Lab values and vital signs get a home of their own, and a waived test its reason.

Revision: c27f6d0b91e4
Follows: 8a41c0d7e2b5
"""

import sqlalchemy as sa
from alembic import op

revision = "c27f6d0b91e4"
down_revision = "8a41c0d7e2b5"
branch_labels = None
depends_on = None

_ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
_EXACT = sa.Numeric(10, 4).with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "labs",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("code_system", sa.String(length=200), nullable=False),
        sa.Column("code", sa.String(length=200), nullable=False),
        sa.Column("measure", sa.String(length=100), nullable=False),
        sa.Column("value", _EXACT, nullable=True),
        sa.Column("value_text", sa.String(length=200), nullable=True),
        sa.Column("unit", sa.String(length=20), nullable=True),
        sa.Column("drawn_on", sa.Date(), nullable=False),
        sa.Column("drawn_at", _MOMENT, nullable=True),
        sa.Column("hours_since_dose", sa.Double(), nullable=True),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.CheckConstraint("(value IS NULL) = (unit IS NULL)", name=op.f("ck_labs_unit")),
        sa.CheckConstraint("(value IS NULL) <> (value_text IS NULL)", name=op.f("ck_labs_value")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patients.clinic_id", "patients.id"],
            name=op.f("fk_labs_clinic_id_patient_id_patients"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_labs")),
    )
    with op.batch_alter_table("labs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_labs_clinic_id_patient_id_measure_drawn_on"),
            ["clinic_id", "patient_id", "measure", "drawn_on"],
            unique=False,
        )

    op.create_table(
        "monitoring_waivers",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("schedule_id", sa.String(length=100), nullable=False),
        sa.Column("waived_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patients.clinic_id", "patients.id"],
            name=op.f("fk_monitoring_waivers_clinic_id_patient_id_patients"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_monitoring_waivers")),
        sa.UniqueConstraint(
            "clinic_id",
            "patient_id",
            "schedule_id",
            name=op.f("uq_monitoring_waivers_clinic_id_patient_id_schedule_id"),
        ),
    )


def downgrade() -> None:
    op.drop_table("monitoring_waivers")
    with op.batch_alter_table("labs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_labs_clinic_id_patient_id_measure_drawn_on"))

    op.drop_table("labs")
