"""How beacons are doing, and how far the jobs of the leading worker have come."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = """
-- One row for each beacon that was heard or judged. It names no person and no phone.
CREATE TABLE beacon_health (
    beacon_id text PRIMARY KEY REFERENCES beacons ON DELETE CASCADE,
    state text NOT NULL CHECK (state IN ('ok', 'silent', 'moved', 'dying', 'unheard')),
    record json NOT NULL,                   -- zones.health.Record
    changed_at timestamptz NOT NULL
);

-- What must not begin anew when another worker takes the lead.
CREATE TABLE duties (
    name text PRIMARY KEY,
    ran_at timestamptz NOT NULL,
    progress json NOT NULL
);
"""


def upgrade():
    op.execute(STATEMENTS)
