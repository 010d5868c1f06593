"""add sync

What phones send: edits that were refused are kept. A wish to be forgotten is a request with a
state. A patient's calendar has an address that can be taken back.

Revision: b6ec0724915a
Follows: a5dbf6138049
"""

import sqlalchemy as sa
from alembic import op

revision = "b6ec0724915a"
down_revision = "a5dbf6138049"
branch_labels = None
depends_on = None


_ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_TEXTS = (("journal", "body"), ("journal", "answer"))


def _of_patient(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["clinic_id", "patient_id"],
        ["patients.clinic_id", "patients.id"],
        name=f"fk_{table}_clinic_id_patient_id_patients",
    )


def upgrade() -> None:
    op.create_table(
        "refused_edits",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("record_id", _ID, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        _of_patient("refused_edits"),
        sa.PrimaryKeyConstraint("clinic_id", "record_id", "id", name="pk_refused_edits"),
    )
    op.create_table(
        "erasure_requests",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("covers", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("received_by", _ID, nullable=False),
        sa.CheckConstraint(
            "state IN ('received', 'held', 'done')", name=op.f("ck_erasure_requests_state")
        ),
        sa.CheckConstraint(
            "covers IN ('patient_made', 'everything')", name=op.f("ck_erasure_requests_covers")
        ),
        _of_patient("erasure_requests"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_erasure_requests"),
    )
    op.create_index(
        "ix_erasure_requests_clinic_id_patient_id", "erasure_requests", ["clinic_id", "patient_id"]
    )
    op.create_table(
        "calendar_addresses",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("revoked", sa.Integer(), nullable=False),
        _of_patient("calendar_addresses"),
        sa.PrimaryKeyConstraint("clinic_id", "patient_id", name="pk_calendar_addresses"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # The planner's statistics would keep values of a text beyond its erasure.
        op.execute("SET LOCAL lock_timeout = '2s'")
        for table, column in _TEXTS:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '2s'")
        for table, column in _TEXTS:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS -1")
    op.drop_table("calendar_addresses")
    op.drop_table("erasure_requests")
    op.drop_table("refused_edits")
