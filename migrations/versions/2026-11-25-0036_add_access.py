"""add access

What systems prove themselves by, codes and devices of patients' apps; records that are sealed,
the consents that open them, and glass that was broken. On PostgreSQL the second wall comes down
with these tables (it is raised over all tables after every upgrade).

Revision: a5dbf6138049
Follows: 94cae5027f38
"""

import sqlalchemy as sa
from alembic import op

revision = "a5dbf6138049"
down_revision = "94cae5027f38"
branch_labels = None
depends_on = None

_ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
_NO_WALLS = """
DO $$
DECLARE wall record;
BEGIN
    FOR wall IN SELECT schemaname, tablename FROM pg_policies WHERE policyname = 'own_clinics' LOOP
        EXECUTE format('DROP POLICY own_clinics ON %I.%I', wall.schemaname, wall.tablename);
        EXECUTE format('ALTER TABLE %I.%I DISABLE ROW LEVEL SECURITY',
                       wall.schemaname, wall.tablename);
    END LOOP;
END $$
"""


def _of(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["clinic_id", column],
        [f"{to}.clinic_id", f"{to}.id"],
        name=f"fk_{table}_clinic_id_{column}_{to}",
    )


def upgrade() -> None:
    op.create_table(
        "credentials",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("scope", sa.String(length=1000), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=True),
        sa.Column("keys", sa.Text(), nullable=True),
        _of("credentials", "user_id", "users"),
        sa.PrimaryKeyConstraint("clinic_id", "user_id", name="pk_credentials"),
    )
    op.create_table(
        "enrolment_codes",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("made_by", _ID, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("clinic_id", "code_hash", name="pk_enrolment_codes"),
    )
    op.create_table(
        "devices",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("joined_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT, nullable=False),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        _of("devices", "user_id", "users"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_devices"),
    )
    op.create_table(
        "sealed_records",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("record_id", _ID, nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("category", sa.String(length=20), nullable=False),
        sa.Column("author_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "record_id", name="pk_sealed_records"),
    )
    op.create_index(
        "ix_sealed_records_clinic_id_patient_id", "sealed_records", ["clinic_id", "patient_id"]
    )
    op.create_table(
        "consents",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("category", sa.String(length=20), nullable=False),
        sa.Column("recipient_id", _ID, nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("recorded_at", _MOMENT, nullable=False),
        _of("consents", "patient_id", "patients"),
        _of("consents", "recipient_id", "users"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_consents"),
    )
    op.create_index("ix_consents_clinic_id_recipient_id", "consents", ["clinic_id", "recipient_id"])
    op.create_index("ix_consents_clinic_id_patient_id", "consents", ["clinic_id", "patient_id"])
    op.create_table(
        "broken_glass",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("patient_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("stopped_at", _MOMENT, nullable=True),
        _of("broken_glass", "patient_id", "patients"),
        _of("broken_glass", "user_id", "users"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name="pk_broken_glass"),
    )
    op.create_index(
        "ix_broken_glass_clinic_id_patient_id_user_id",
        "broken_glass",
        ["clinic_id", "patient_id", "user_id"],
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_NO_WALLS)
    for table in (
        "broken_glass",
        "consents",
        "sealed_records",
        "devices",
        "enrolment_codes",
        "credentials",
    ):
        op.drop_table(table)
