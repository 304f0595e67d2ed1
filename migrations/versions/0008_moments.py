"""Moments that wait: delayed, held, after an event, of absence."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = """
"""


def upgrade() -> None:
    if STATEMENTS.strip():
        op.execute(STATEMENTS)
