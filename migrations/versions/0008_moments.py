"""What more caps count by, and moments that wait: delayed, held, after an event, of absence."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = """
-- What caps of tags and channels, and budgets of money, count by.
ALTER TABLE grants
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN channel text,
    ADD COLUMN cost bigint NOT NULL DEFAULT 0;
"""


def upgrade() -> None:
    op.execute(STATEMENTS)
