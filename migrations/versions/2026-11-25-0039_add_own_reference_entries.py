"""add own reference entries

What a clinic adds to the reference itself.

Revision: d8fe29463b7c
Follows: c7fd1835a26b
"""

revision = "d8fe29463b7c"
down_revision = "c7fd1835a26b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
