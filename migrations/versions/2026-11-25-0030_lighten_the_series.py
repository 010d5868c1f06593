"""lighten the series

The series table and its keys, as the write path needs them.

Revision: 4d1c9e72a0b3
Follows: c27f6d0b91e4
"""

revision = "4d1c9e72a0b3"
down_revision = "c27f6d0b91e4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
