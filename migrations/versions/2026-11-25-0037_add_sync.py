"""add sync

What phones send, and conflicts kept.

Revision: b6ec0724915a
Follows: a5dbf6138049
"""

revision = "b6ec0724915a"
down_revision = "a5dbf6138049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
