"""keep caseload rows

One row a patient with what the caseload shows of them.

Revision: c7fd1835a26b
Follows: b6ec0724915a
"""

revision = "c7fd1835a26b"
down_revision = "b6ec0724915a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
