"""complete the instruments

A clinic's own wording for an instrument; who judged and what was flagged stand in the journal.

Revision: 94cae5027f38
Follows: 83b9d4f16e27
"""

import sqlalchemy as sa
from alembic import op

revision = "94cae5027f38"
down_revision = "83b9d4f16e27"
branch_labels = None
depends_on = None

_ID = sa.Uuid().with_variant(sa.String(36), "sqlite")


def upgrade() -> None:
    op.create_table(
        "instrument_texts",
        sa.Column("clinic_id", _ID, nullable=False),
        sa.Column("instrument", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id"],
            ["clinics.clinic_id"],
            name=op.f("fk_instrument_texts_clinic_id_clinics"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "instrument", name=op.f("pk_instrument_texts")),
    )


def downgrade() -> None:
    op.drop_table("instrument_texts")
