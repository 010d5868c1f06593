"""keep caseload rows

One row a patient with what the caseload shows of them, and a way to find who a user cares for.

Revision: c7fd1835a26b
Follows: b6ec0724915a
"""

import sqlalchemy as sa
from alembic import op

revision = "c7fd1835a26b"
down_revision = "b6ec0724915a"
branch_labels = None
depends_on = None

_ID = sa.Uuid().with_variant(sa.String(36), "sqlite")


def upgrade() -> None:
    """Add the table, and the index of care relations by user."""
    day, text = sa.Date(), sa.Text()
    op.create_table(
        "caseload_rows",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rules", sa.String(length=200), nullable=False),
        sa.Column("signals_open", sa.Integer(), nullable=False),
        sa.Column("risk_open", sa.Integer(), nullable=False),
        sa.Column("flags_confirmed", sa.Integer(), nullable=False),
        sa.Column("flags_notice", sa.Integer(), nullable=False),
        sa.Column("is_expected", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=True),
        sa.Column("primary_stale_on", day, nullable=True),
        sa.Column("stale_on", day, nullable=True),
        sa.Column("stale_after_change_on", day, nullable=True),
        sa.Column("not_on_track_until", day, nullable=True),
        sa.Column("window_point", sa.String(length=20), nullable=True),
        sa.Column("window_opens_on", day, nullable=True),
        sa.Column("window_closes_on", day, nullable=True),
        sa.Column("window_until", day, nullable=True),
        sa.Column("lab_due_on", day, nullable=True),
        sa.Column("review_due_on", day, nullable=True),
        sa.Column("next_visit_on", day, nullable=True),
        sa.Column("judged", text, nullable=False),
        sa.Column("facts", text, nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patients.clinic_id", "patients.id"],
            name="fk_caseload_rows_clinic_id_patient_id_patients",
        ),
        sa.PrimaryKeyConstraint("clinic_id", "patient_id", name="pk_caseload_rows"),
    )
    op.create_index(
        "ix_care_relations_clinic_id_user_id", "care_relations", ["clinic_id", "user_id"]
    )


def downgrade() -> None:
    """Take both away; the rows are made anew from the record."""
    op.drop_index("ix_care_relations_clinic_id_user_id", "care_relations")
    op.drop_table("caseload_rows")
