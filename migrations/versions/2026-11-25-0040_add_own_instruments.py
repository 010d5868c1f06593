"""add own instruments

A clinic registers questionnaires of its own beside single measures.

Revision: e90f3a574c8d
Follows: d8fe29463b7c
"""

import sqlalchemy as sa
from alembic import op

revision = "e90f3a574c8d"
down_revision = "d8fe29463b7c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _lock_timeout()
    with op.batch_alter_table("registered_measures") as batch:
        batch.add_column(
            sa.Column("kind", sa.String(length=10), nullable=False, server_default="measure")
        )
    with op.batch_alter_table("registered_measures") as batch:
        batch.alter_column("kind", existing_type=sa.String(length=10), server_default=None)


def downgrade() -> None:
    """The versions of the questionnaires stay in the journal."""
    _lock_timeout()
    op.execute("DELETE FROM registered_measures WHERE kind = 'instrument'")
    with op.batch_alter_table("registered_measures") as batch:
        batch.drop_column("kind")


def _lock_timeout() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '2s'")
