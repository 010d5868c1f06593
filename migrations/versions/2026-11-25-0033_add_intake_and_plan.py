"""add intake and plan

The first appointment, the plan, therapy sessions, life events, conditions.

Revision: 72a8c3e05d16
Follows: 61f2b7d49c05
"""

revision = "72a8c3e05d16"
down_revision = "61f2b7d49c05"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
