"""deepen the domains

Side-effect episodes and the follow-up's domains in full.

Revision: 83b9d4f16e27
Follows: 72a8c3e05d16
"""

revision = "83b9d4f16e27"
down_revision = "72a8c3e05d16"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
