"""add intake and plan

The first appointment, the plan, therapy sessions, life events, conditions.

Revision: 72a8c3e05d16
Follows: 61f2b7d49c05
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "72a8c3e05d16"
down_revision = "61f2b7d49c05"
branch_labels = None
depends_on = None

_ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")

_INDEXED = {
    "conditions": ["clinic_id", "patient_id"],
    "plan_reviews": ["clinic_id", "patient_id", "reviewed_at"],
    "therapy_sessions": ["clinic_id", "patient_id", "occurred_at"],
    "life_events": ["clinic_id", "patient_id", "from_on"],
}


def upgrade() -> None:
    _create(
        "conditions",
        sa.Column("code_system", sa.String(length=200), nullable=True),
        sa.Column("code", sa.String(length=200), nullable=True),
        sa.Column("onset_on", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("recorded_at", _MOMENT, nullable=False),
    )
    _create(
        "intakes",
        sa.Column("occurred_at", _MOMENT, nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        _one_a_patient("intakes"),
    )
    _create(
        "treatment_plans",
        sa.Column("agreed_on", sa.Date(), nullable=False),
        sa.Column("review_interval_days", sa.Integer(), nullable=True),
        sa.Column("phase", sa.String(length=20), nullable=True),
        _one_a_patient("treatment_plans"),
    )
    _create(
        "plan_reviews",
        sa.Column("reviewed_at", _MOMENT, nullable=False),
        sa.Column("reviewed_on", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
    )
    _create(
        "therapy_sessions",
        sa.Column("modality", sa.String(length=40), nullable=False),
        sa.Column("occurred_at", _MOMENT, nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("attended", sa.Boolean(), nullable=False),
    )
    _create(
        "life_events",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("weight", sa.SmallInteger(), nullable=True),
        sa.CheckConstraint("weight BETWEEN 1 AND 3", name=op.f("ck_life_events_weight")),
    )
    for table, columns in _INDEXED.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_index(batch_op.f(_index(table, columns)), columns, unique=False)


def downgrade() -> None:
    for table, columns in reversed(_INDEXED.items()):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_index(batch_op.f(_index(table, columns)))
    for table in (
        "life_events",
        "therapy_sessions",
        "plan_reviews",
        "treatment_plans",
        "intakes",
        "conditions",
    ):
        op.drop_table(table)


def _create(table: str, *columns: Any) -> None:
    """Create the table of one kind of a patient's records."""
    op.create_table(
        table,
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("id", _ID, nullable=False),
        *columns,
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patients.clinic_id", "patients.id"],
            name=op.f(f"fk_{table}_clinic_id_patient_id_patients"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f(f"pk_{table}")),
    )


def _one_a_patient(table: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(
        "clinic_id", "patient_id", name=op.f(f"uq_{table}_clinic_id_patient_id")
    )


def _index(table: str, columns: list[str]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"
