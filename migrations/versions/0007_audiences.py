"""Named audiences, lists, and what customers did elsewhere."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = """
"""


def upgrade() -> None:
    if STATEMENTS.strip():
        op.execute(STATEMENTS)
