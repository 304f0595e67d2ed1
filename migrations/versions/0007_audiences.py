"""Named audiences, lists, and what customers did elsewhere."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = """
-- What a decision may ask of a customer stands in the row that it locks anyway.
ALTER TABLE customers
    ADD COLUMN location boolean NOT NULL DEFAULT false, -- whether any of their phones may be located
    ADD COLUMN events jsonb NOT NULL DEFAULT '{}',      -- what the table below comes to: customers.events.Events
    ADD COLUMN lists text[] NOT NULL DEFAULT '{}';      -- the lists that they are on, in order
UPDATE customers SET location = true
WHERE key IN (SELECT customer_key FROM installations WHERE location);
-- Most are on no list. Whoever is looked for by one is found by this; no ping touches what it holds.
CREATE INDEX customers_lists ON customers USING gin (lists) WHERE lists <> '{}';

CREATE TABLE audiences (
    id text PRIMARY KEY,
    name text NOT NULL,
    version bigint NOT NULL
);
CREATE TABLE lists (
    id text PRIMARY KEY,
    name text NOT NULL,
    version bigint NOT NULL
);

-- Purchases and other touchpoints, as the brand tells them. An id names one event for ever, whoever's it becomes.
CREATE TABLE events (
    event_id text PRIMARY KEY,
    customer_key bigint NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    amount numeric(18, 4),
    currency text,
    items jsonb,
    decision_id uuid,
    CHECK ((amount IS NULL) = (currency IS NULL))
);
CREATE INDEX events_customer ON events (customer_key, at);
"""


def upgrade() -> None:
    op.execute(STATEMENTS)
