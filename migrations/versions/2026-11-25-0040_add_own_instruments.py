"""add own instruments

Questionnaires of the clinic's own.

Revision: e90f3a574c8d
Follows: d8fe29463b7c
"""

revision = "e90f3a574c8d"
down_revision = "d8fe29463b7c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
