"""Zones may name a parent.

What else zones and sites learned to say (hours, category, circles) is read from their documents; only the parent
must be known to SQL, so that nothing can name a zone that is not there.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE zones ADD COLUMN parent_id text;
-- Deferred: within one import a child may stand before its parent.
ALTER TABLE zones ADD CONSTRAINT zones_parent
    FOREIGN KEY (site_id, parent_id) REFERENCES zones DEFERRABLE INITIALLY DEFERRED NOT VALID;
-- At once: no row has a parent yet.
ALTER TABLE zones VALIDATE CONSTRAINT zones_parent;
CREATE INDEX zones_children ON zones (site_id, parent_id) WHERE parent_id IS NOT NULL;
"""


def upgrade():
    op.execute(STATEMENTS)
