"""add patient facts

What a rule may ask of a patient: smoking, pregnancy. Kidney function is a measurement already.

Revision: 61f2b7d49c05
Follows: 5e8a03c1d7f4
"""

import sqlalchemy as sa
from alembic import op

revision = "61f2b7d49c05"
down_revision = "5e8a03c1d7f4"
branch_labels = None
depends_on = None

_ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "patient_facts",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("fact", sa.String(length=20), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("record_id", _ID, nullable=False),
        sa.Column("asserted", _BIG, autoincrement=False, nullable=False),
        sa.Column("retracted", _BIG, nullable=True),
        sa.Column("value", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patients.clinic_id", "patients.id"],
            name=op.f("fk_patient_facts_clinic_id_patient_id_patients"),
        ),
        sa.PrimaryKeyConstraint(
            "clinic_id",
            "patient_id",
            "fact",
            "day",
            "record_id",
            "asserted",
            name=op.f("pk_patient_facts"),
        ),
    )


def downgrade() -> None:
    op.drop_table("patient_facts")
