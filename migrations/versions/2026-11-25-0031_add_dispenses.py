"""add dispenses

What the pharmacy handed out, and a clinic's own reference entries.

Revision: 5e8a03c1d7f4
Follows: 4d1c9e72a0b3
"""

revision = "5e8a03c1d7f4"
down_revision = "4d1c9e72a0b3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
