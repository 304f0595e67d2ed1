"""Codes of offers: pools, what was given out, and what was redeemed."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = """
"""


def upgrade() -> None:
    if STATEMENTS.strip():
        op.execute(STATEMENTS)
