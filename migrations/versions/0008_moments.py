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

ALTER TABLE campaigns
    DROP CONSTRAINT campaigns_status_check,
    ADD CONSTRAINT campaigns_status_check CHECK (status IN ('draft', 'published', 'paused', 'ended', 'archived'));
-- Who changed what, newest first.
CREATE INDEX catalogue_log_at ON catalogue_log (at);
"""


def upgrade() -> None:
    op.execute(STATEMENTS)
