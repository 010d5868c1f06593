"""lighten the series

The numbers of one check-in lie together, and none asks for its patient again: the record that
brought them did.

Revision: 4d1c9e72a0b3
Follows: c27f6d0b91e4
"""

import sqlalchemy as sa
from alembic import op

revision = "4d1c9e72a0b3"
down_revision = "c27f6d0b91e4"
branch_labels = None
depends_on = None

_ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LIGHT = ("clinic_id", "patient_id", "day", "measure", "record_id", "place", "asserted")
_HEAVY = ("clinic_id", "patient_id", "measure", "day", "record_id", "place", "asserted")
_FOREIGN = "fk_measurements_clinic_id_patient_id_patients"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(_LIGHT)
        return
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_constraint(_FOREIGN, "measurements", type_="foreignkey")
    op.drop_constraint("pk_measurements", "measurements", type_="primary")
    op.create_primary_key("pk_measurements", "measurements", list(_LIGHT))


def downgrade() -> None:
    foreign = sa.ForeignKeyConstraint(
        ["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"], name=_FOREIGN
    )
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(_HEAVY, foreign)
        return
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_constraint("pk_measurements", "measurements", type_="primary")
    op.create_primary_key("pk_measurements", "measurements", list(_HEAVY))
    op.create_foreign_key(
        _FOREIGN, "measurements", "patients", ["clinic_id", "patient_id"], ["clinic_id", "id"]
    )


def _rebuild(key: tuple[str, ...], *constraints: sa.ForeignKeyConstraint) -> None:
    """SQLite's rows lie in the order of the key: a new table, then the old one's rows."""
    op.rename_table("measurements", "measurements_before")
    op.create_table(
        "measurements",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("measure", sa.String(length=100), nullable=False),
        sa.Column("record_id", _ID, nullable=False),
        sa.Column("place", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("asserted", _SEQUENCE, autoincrement=False, nullable=False),
        sa.Column("retracted", _SEQUENCE, nullable=True),
        sa.Column("at", _MOMENT, nullable=True),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("medication_id", _ID, nullable=True),
        sa.Column("flags", sa.String(length=200), nullable=True),
        *constraints,
        sa.PrimaryKeyConstraint(*key, name="pk_measurements"),
        sqlite_with_rowid=False,
    )
    names = (
        "clinic_id, patient_id, day, measure, record_id, place, asserted, retracted, at, value, "
        "source, medication_id, flags"
    )
    op.execute(
        f"INSERT INTO measurements ({names}) SELECT {names} FROM measurements_before"  # noqa: S608 - our own names
    )
    op.drop_table("measurements_before")
