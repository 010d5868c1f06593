"""complete the instruments

Raters and flags of scored instruments.

Revision: 94cae5027f38
Follows: 83b9d4f16e27
"""

revision = "94cae5027f38"
down_revision = "83b9d4f16e27"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
