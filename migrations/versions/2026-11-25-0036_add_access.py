"""add access

Care teams, consents, devices, refresh tokens, break-glass.

Revision: a5dbf6138049
Follows: 94cae5027f38
"""

revision = "a5dbf6138049"
down_revision = "94cae5027f38"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
