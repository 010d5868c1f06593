"""remember interaction findings

An acknowledgement holds for one finding, so a finding has to outlive the request that found it.

Revision: 8a41c0d7e2b5
Follows: 33f1b5ae3eff
"""

import sqlalchemy as sa
from alembic import op

revision = "8a41c0d7e2b5"
down_revision = "33f1b5ae3eff"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "findings",
        sa.Column("clinic_id", sa.Uuid().with_variant(sa.String(36), "sqlite"), nullable=False),
        sa.Column("id", sa.Uuid().with_variant(sa.String(36), "sqlite"), nullable=False),
        sa.Column("rule_id", sa.String(length=100), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("facts_key", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("involved", sa.Text(), nullable=False),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite"),
            nullable=False,
        ),
        sa.Column(
            "resolved_at",
            sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite"),
            nullable=True,
        ),
        sa.Column("signal_id", sa.Uuid().with_variant(sa.String(36), "sqlite"), nullable=True),
        sa.Column("acknowledgement", sa.Text(), nullable=True),
        sa.Column("patient_id", sa.Uuid().with_variant(sa.String(36), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'acknowledged', 'overridden', 'resolved')",
            name=op.f("ck_findings_state"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patients.clinic_id", "patients.id"],
            name=op.f("fk_findings_clinic_id_patient_id_patients"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_findings")),
    )
    with op.batch_alter_table("findings", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_findings_clinic_id_patient_id_resolved_at"),
            ["clinic_id", "patient_id", "resolved_at"],
            unique=False,
        )


def downgrade() -> None:
    with op.batch_alter_table("findings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_findings_clinic_id_patient_id_resolved_at"))

    op.drop_table("findings")
