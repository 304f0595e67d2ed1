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
    ADD COLUMN cost bigint NOT NULL DEFAULT 0,
    ADD COLUMN slice text;                  -- of the audience, where its campaign learns
ALTER TABLE decisions ADD COLUMN scores jsonb NOT NULL DEFAULT '{}';

ALTER TABLE campaigns
    DROP CONSTRAINT campaigns_status_check,
    ADD CONSTRAINT campaigns_status_check CHECK (status IN ('draft', 'published', 'paused', 'ended', 'archived'));
-- Moments that are not decided yet: delayed, held, after an event, of absence.
CREATE TABLE waiting (
    key uuid PRIMARY KEY,                   -- the moment's: it waits once
    campaign text NOT NULL,
    customer_key bigint NOT NULL,
    installation_key bigint NOT NULL,
    due_at timestamptz NOT NULL,
    body json NOT NULL                      -- campaigns.model.Waiting
);
CREATE INDEX waiting_due ON waiting (due_at);
CREATE INDEX waiting_customer ON waiting (customer_key);
CREATE INDEX waiting_installation ON waiting (installation_key);

-- What has no place is decided too.
ALTER TABLE decisions ALTER COLUMN site DROP NOT NULL, ALTER COLUMN zone DROP NOT NULL;
ALTER TABLE grants ALTER COLUMN site DROP NOT NULL;

CREATE INDEX decisions_campaign ON decisions (campaign, decision_id) WHERE campaign IS NOT NULL;

-- The day (UTC) on which a customer was last noticed: written once a day, so that it costs moves nothing.
ALTER TABLE customers ADD COLUMN seen_on date;
UPDATE customers SET seen_on = latest.day
FROM (SELECT customer_key, (max(recorded_at) AT TIME ZONE 'UTC')::date AS day FROM moves GROUP BY customer_key) AS latest
WHERE customers.key = latest.customer_key;
CREATE INDEX customers_seen ON customers (seen_on) WHERE seen_on IS NOT NULL;
-- Whether an event has been looked at for what it triggers.
ALTER TABLE events ADD COLUMN noticed boolean NOT NULL DEFAULT false;
CREATE INDEX events_unnoticed ON events (received_at) WHERE NOT noticed;

-- What is sold, and what each site has of it; the numbers are in the configuration's log.
CREATE TABLE products (
    id text PRIMARY KEY,
    name text NOT NULL,
    version bigint NOT NULL
);
CREATE TABLE stock (
    site_id text NOT NULL REFERENCES sites,
    product_id text NOT NULL,
    quantity bigint NOT NULL,
    at timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (site_id, product_id)
);

-- What each worker's jobs came to lately, for people to see.
CREATE TABLE job_runs (
    worker text NOT NULL,
    job text NOT NULL,
    runs bigint NOT NULL,
    failures bigint NOT NULL,
    missed bigint NOT NULL,                 -- it was due while it still ran
    last_began_at timestamptz,
    last_ms double precision,
    last_error text,
    told_at timestamptz NOT NULL,
    PRIMARY KEY (worker, job)
);

-- Who changed what, newest first.
CREATE INDEX catalogue_log_at ON catalogue_log (at);
"""


def upgrade() -> None:
    op.execute(STATEMENTS)
