"""Surveys of sites, the radio maps that were learned from them, and which of them each site is located by."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = """
-- Neither surveys nor maps end with their site: what was located by a map must be located so again in a replay.
CREATE TABLE surveys (
    site_id text NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    imported_at timestamptz NOT NULL,
    actor text NOT NULL,
    withdrawn_at timestamptz,
    floors text[] NOT NULL,
    walks integer NOT NULL,
    waypoints integer NOT NULL,
    sightings integer NOT NULL,
    left_out integer NOT NULL,              -- sightings of which nobody knows where they were
    sha256 text NOT NULL,
    body bytea NOT NULL,                    -- positioning.surveys.pack
    PRIMARY KEY (site_id, number)
);
-- Imported twice, the same walks would weigh twice.
CREATE UNIQUE INDEX surveys_once ON surveys (site_id, sha256) WHERE withdrawn_at IS NULL;
-- It is compressed already.
ALTER TABLE surveys ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE radio_maps (
    site_id text NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    status text NOT NULL CHECK (status IN ('queued', 'learning', 'ready', 'failed')),
    requested_at timestamptz NOT NULL,
    actor text NOT NULL,
    activate boolean NOT NULL,              -- as soon as it is ready; false once that was tried
    begun_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    progress real NOT NULL DEFAULT 0,
    doing text,
    told_at timestamptz,                    -- when progress was
    error text,
    surveys integer[],
    report jsonb,
    sha256 text,
    body bytea,                             -- zones.packed_map.packed
    learned_at timestamptz,
    PRIMARY KEY (site_id, number),
    CONSTRAINT radio_maps_ready CHECK ((status = 'ready') = (body IS NOT NULL))
);
CREATE INDEX radio_maps_due ON radio_maps (requested_at) WHERE status IN ('queued', 'learning') OR activate;
ALTER TABLE radio_maps ALTER COLUMN body SET STORAGE EXTERNAL;

-- The map that a site is located by, as the configuration's log has it; so nothing in use can go.
CREATE TABLE active_radio_maps (
    site_id text PRIMARY KEY REFERENCES sites,
    number integer NOT NULL,
    version bigint NOT NULL,
    FOREIGN KEY (site_id, number) REFERENCES radio_maps
);
"""


def upgrade():
    op.execute(STATEMENTS)
