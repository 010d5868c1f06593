"""add patient facts

What a rule may ask of a patient: smoking, pregnancy, kidney function.

Revision: 61f2b7d49c05
Follows: 5e8a03c1d7f4
"""

revision = "61f2b7d49c05"
down_revision = "5e8a03c1d7f4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
