"""The first schema: configuration and its log, customers, pings, moves, decisions and the ledger.

How the tables hang together is told in docs/dataflow.md. Three things shape them:

* whatever a decision read can be read again: configuration is logged append-only in `catalogue_log`, whatever
  changes a customer is a ping or a row of `changes`, and each carries a `seq` drawn under that customer's lock;
* `grants` is the ledger of what was given: caps are counted from it, `tallies` only makes shared counts cheap;
* the rows that every ping touches (`presence`, `pings`) are narrow and have no index that a ping would churn.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CONFIGURATION = """
CREATE EXTENSION IF NOT EXISTS postgis;

-- One row: the version that every configuration edit raises and every decision reads after its locks.
CREATE TABLE catalogue (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL
);
INSERT INTO catalogue (version) VALUES (0);

-- Append-only: each edit of a site, floor, zone, beacon, campaign or policy; a null body is a deletion.
CREATE TABLE catalogue_log (
    kind text NOT NULL,
    key text NOT NULL,
    version bigint NOT NULL,
    body jsonb,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    PRIMARY KEY (kind, key, version)
);
CREATE INDEX catalogue_log_version ON catalogue_log (version);

CREATE TABLE sites (
    id text PRIMARY KEY,
    name text NOT NULL,
    time_zone text NOT NULL,
    version bigint NOT NULL
);
CREATE TABLE floors (
    site_id text NOT NULL REFERENCES sites,
    id text NOT NULL,
    name text NOT NULL,
    level integer NOT NULL,
    outline geometry(MultiPolygon, 4326),
    version bigint NOT NULL,
    PRIMARY KEY (site_id, id)
);
CREATE TABLE zones (
    site_id text NOT NULL REFERENCES sites,
    id text NOT NULL,
    floor_id text,
    name text NOT NULL,
    geometry geometry(Geometry, 4326) NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    priority integer NOT NULL DEFAULT 0,
    sensitive boolean NOT NULL DEFAULT false,
    dwell_s integer[] NOT NULL DEFAULT '{}',
    enter_confirm integer,
    exit_hold_s integer,
    version bigint NOT NULL,
    PRIMARY KEY (site_id, id),
    FOREIGN KEY (site_id, floor_id) REFERENCES floors,
    CHECK (ST_IsValid(geometry)),
    CHECK (GeometryType(geometry) IN ('POLYGON', 'MULTIPOLYGON'))
);
CREATE INDEX zones_geometry ON zones USING gist (geometry);
CREATE TABLE beacons (
    id text PRIMARY KEY,
    site_id text NOT NULL REFERENCES sites,
    floor_id text,
    place geometry(Point, 4326) NOT NULL,
    identities text[] NOT NULL CHECK (cardinality(identities) > 0),
    tx_power_dbm integer,
    status text NOT NULL CHECK (status IN ('active', 'quarantined', 'retired')),
    version bigint NOT NULL,
    FOREIGN KEY (site_id, floor_id) REFERENCES floors
);
CREATE INDEX beacons_site ON beacons (site_id);
CREATE TABLE campaigns (
    id text PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('draft', 'published', 'paused', 'ended')),
    revision integer NOT NULL,
    body jsonb NOT NULL,
    version bigint NOT NULL
);
-- The contact policy: one row.
CREATE TABLE policy (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    body jsonb NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE api_keys (
    id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('publishable', 'secret')),
    name text NOT NULL,
    key_hash bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
"""

CUSTOMERS = """
-- One draw a transaction leaves a thousand numbers, enough for each ping of the largest batch.
CREATE SEQUENCE step_seq INCREMENT BY 1000;

CREATE TABLE customers (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    anonymous boolean NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}',
    marketing boolean NOT NULL DEFAULT false,
    memory json NOT NULL DEFAULT '{}',     -- visits and hold-out arms: campaigns.model.Memory
    last_seq bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1,      -- for ETag; the brand's own edits only
    created_at timestamptz NOT NULL,
    erased_at timestamptz
) WITH (fillfactor = 80);

CREATE TABLE installations (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    customer_key bigint NOT NULL REFERENCES customers,
    token_hash bytea NOT NULL,
    location boolean NOT NULL DEFAULT false,
    platform text NOT NULL,
    model text,
    os_version text,
    app_version text,
    locale text,
    time_zone text,
    push jsonb,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX installations_customer ON installations (customer_key);

-- Where an installation is held to be; rewritten by each of its pings, so narrow and mostly HOT.
CREATE TABLE presence (
    installation_key bigint PRIMARY KEY REFERENCES installations,
    state json NOT NULL,                    -- visits.model.Presence
    tick_at timestamptz,                    -- server time at which the earliest timer may be due
    last_seq bigint NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX presence_tick ON presence (tick_at) WHERE tick_at IS NOT NULL;

CREATE TABLE consents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_key bigint NOT NULL REFERENCES customers,
    installation_key bigint REFERENCES installations,
    kind text NOT NULL CHECK (kind IN ('location', 'marketing')),
    granted boolean NOT NULL,
    wording text,
    at timestamptz NOT NULL,
    actor text NOT NULL
);
CREATE INDEX consents_customer ON consents (customer_key);

-- Everything but pings that changes what a decision reads of a customer.
CREATE TABLE changes (
    seq bigint NOT NULL,
    customer_key bigint NOT NULL,
    kind text NOT NULL,
    now timestamptz NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (customer_key, seq)
);
CREATE INDEX changes_seq ON changes USING brin (seq);
"""

PINGS = """
CREATE TABLE pings (
    received_on date NOT NULL,
    installation_key bigint NOT NULL,
    ping_id text NOT NULL,
    customer_key bigint NOT NULL,
    seq bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('accepted', 'late')),
    at timestamptz NOT NULL,                -- the phone's clock, corrected by offset_ms
    offset_ms bigint NOT NULL,
    now timestamptz NOT NULL,               -- the server's clock as the engine was given it
    catalogue_version bigint NOT NULL,
    seed bigint NOT NULL,
    content_hash bytea NOT NULL,
    body json NOT NULL,                     -- the ping as it came, sightings and position
    fix json,                               -- where that was held to be: zones.model.Located
    answer json,                            -- events and decisions it led to, as rendered then
    PRIMARY KEY (installation_key, ping_id, received_on)
) PARTITION BY RANGE (received_on);
CREATE INDEX pings_seq ON pings USING brin (seq);

CREATE TABLE moves (
    event_id uuid PRIMARY KEY,
    seq bigint NOT NULL,
    customer_key bigint NOT NULL,
    installation_key bigint NOT NULL,
    site text NOT NULL,
    zone text NOT NULL,
    type text NOT NULL CHECK (type IN ('entered', 'dwelled', 'exited')),
    dwell_s integer,
    at timestamptz NOT NULL,
    probability real NOT NULL,
    confidence smallint NOT NULL,
    cause text NOT NULL CHECK (cause IN ('ping', 'timer')),
    recorded_at timestamptz NOT NULL
);
CREATE INDEX moves_customer ON moves (customer_key, at);
"""

DECISIONS = """
CREATE TABLE decisions (
    decision_id uuid PRIMARY KEY,
    moment_key uuid NOT NULL UNIQUE,
    seq bigint NOT NULL,
    customer_key bigint NOT NULL,
    installation_key bigint NOT NULL,
    site text NOT NULL,
    zone text NOT NULL,
    move text NOT NULL,
    dwell_s integer,
    visit integer NOT NULL,
    at timestamptz NOT NULL,                -- when the move happened
    decided_at timestamptz NOT NULL,        -- the engine's now
    catalogue_version bigint NOT NULL,
    code_version text NOT NULL,
    seed bigint NOT NULL,
    campaign text,                          -- the winner, null for none
    revision integer,
    offer_id text,
    offer jsonb,                            -- as rendered
    channel text CHECK (channel IN ('response', 'inbox')),
    expires_at timestamptz,
    reasons jsonb NOT NULL,                 -- campaign -> why it lost
    counts jsonb NOT NULL,                  -- caps and budgets as they stood: [campaign, cap, used, limit]
    draws jsonb NOT NULL,                   -- hold-out draws: campaign -> [draw, share]
    refusals jsonb NOT NULL,                -- campaigns that lost a budget round
    ping_received_on date,                  -- the ping that it rests on, for the evidence
    ping_id text,
    CHECK ((campaign IS NULL) = (offer_id IS NULL))
);
CREATE INDEX decisions_customer ON decisions (customer_key, decided_at);
CREATE INDEX decisions_inbox ON decisions (installation_key, expires_at) WHERE channel = 'inbox';

-- The ledger: one row for each campaign charged by a moment.
CREATE TABLE grants (
    decision_id uuid NOT NULL,
    campaign text NOT NULL,
    moment_key uuid NOT NULL,
    customer_key bigint NOT NULL,
    offer_id text,
    arm text NOT NULL CHECK (arm IN ('offered', 'held_out')),
    site text NOT NULL,
    policy boolean NOT NULL,                -- counts towards the contact policy
    decided_at timestamptz NOT NULL,
    seq bigint NOT NULL,
    open boolean NOT NULL,                  -- still reserved: an outcome may yet come
    outcomes smallint NOT NULL DEFAULT 0,   -- bits of campaigns.model.Outcome
    closes_at timestamptz NOT NULL,
    charged jsonb NOT NULL DEFAULT '[]',    -- shared tallies it stands in: [key, counts, amount]
    PRIMARY KEY (decision_id, campaign),
    UNIQUE (moment_key, campaign)
) WITH (fillfactor = 90);
CREATE INDEX grants_customer ON grants (customer_key, decided_at);
CREATE INDEX grants_campaign ON grants (campaign, decided_at) WHERE arm = 'offered';
CREATE INDEX grants_decided ON grants (decided_at) WHERE arm = 'offered';
CREATE INDEX grants_open ON grants (closes_at) WHERE open;

-- Shared counts: caps over a site or over all, and budgets. A rolling cap uses its row as a lock only.
-- What merges, lowered caps and outcomes after release bring stands in `late`, outside the check.
CREATE TABLE tallies (
    key text PRIMARY KEY,
    used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
    late bigint NOT NULL DEFAULT 0 CHECK (late >= 0),
    ceiling bigint NOT NULL,
    last_seq bigint NOT NULL DEFAULT 0,
    CHECK (used <= ceiling)
) WITH (fillfactor = 50);

CREATE TABLE outcomes (
    decision_id uuid NOT NULL,
    type text NOT NULL CHECK (type IN ('delivered', 'viewed', 'clicked', 'dismissed', 'redeemed')),
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    seq bigint NOT NULL,
    late boolean NOT NULL,                  -- after its grant was released
    PRIMARY KEY (decision_id, type)
);

-- A state from which the log can be replayed: customers, presence, tallies and open grants as of one moment.
CREATE TABLE snapshots (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL UNIQUE,
    taken_at timestamptz NOT NULL,
    catalogue_version bigint NOT NULL
);
CREATE TABLE snapshot_rows (
    snapshot_id bigint NOT NULL REFERENCES snapshots ON DELETE CASCADE,
    kind text NOT NULL,
    key text NOT NULL,
    customer_key bigint,
    last_seq bigint NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (snapshot_id, kind, key)
);
CREATE INDEX snapshot_rows_customer ON snapshot_rows (customer_key);
"""


def upgrade() -> None:
    for part in (CONFIGURATION, CUSTOMERS, PINGS, DECISIONS):
        op.execute(part)
