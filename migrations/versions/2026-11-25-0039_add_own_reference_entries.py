"""add own reference entries

What a clinic adds to the reference itself stands in one table, whatever its kind; the medicines
move into it.

Revision: d8fe29463b7c
Follows: c7fd1835a26b
"""

import sqlalchemy as sa
from alembic import op

revision = "d8fe29463b7c"
down_revision = "c7fd1835a26b"
branch_labels = None
depends_on = None

_ID = sa.Uuid().with_variant(sa.String(36), "sqlite")


def upgrade() -> None:
    _lock_timeout()
    op.create_table(
        "own_reference_entries",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id"],
            ["clinics.clinic_id"],
            name=op.f("fk_own_reference_entries_clinic_id_clinics"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "kind", "code", name=op.f("pk_own_reference_entries")),
    )
    op.execute(
        "INSERT INTO own_reference_entries (clinic_id, kind, code, version, definition) "
        "SELECT clinic_id, 'medications', code, version, definition FROM registered_medications"
    )
    op.drop_table("registered_medications")


def downgrade() -> None:
    """The other kinds had no table before: their versions stay in the journal."""
    _lock_timeout()
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
    op.execute(
        "INSERT INTO registered_medications (clinic_id, code, version, definition) "
        "SELECT clinic_id, code, version, definition FROM own_reference_entries "
        "WHERE kind = 'medications'"
    )
    op.drop_table("own_reference_entries")


def _lock_timeout() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '2s'")
