"""How often a worker's job put somebody's work off because it failed."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE job_runs ADD COLUMN put_off bigint NOT NULL DEFAULT 0;  -- since its process began
"""


def upgrade() -> None:
    op.execute(STATEMENTS)
