"""From how far somebody came near a zone, in a decision about that."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE decisions ADD COLUMN within_m integer;  -- of the move `approached`
"""


def upgrade() -> None:
    op.execute(STATEMENTS)
