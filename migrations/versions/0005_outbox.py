"""What leaves the service later: messages by webhook and push, and how each attempt went."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = """
"""


def upgrade() -> None:
    if STATEMENTS.strip():
        op.execute(STATEMENTS)
