"""What leaves the service later: messages by webhook and push, and how each attempt went."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE decisions DROP CONSTRAINT decisions_channel_check;
ALTER TABLE decisions ADD CONSTRAINT decisions_channel
    CHECK (channel IN ('response', 'inbox', 'webhook', 'push')) NOT VALID;
ALTER TABLE decisions VALIDATE CONSTRAINT decisions_channel;
-- An offer by push waits in the inbox as well.
CREATE INDEX decisions_waiting ON decisions (installation_key, expires_at) WHERE channel IN ('inbox', 'push');
DROP INDEX decisions_inbox;

-- The brand's servers. What they say of themselves stands in `catalogue_log`.
CREATE TABLE webhooks (
    id text PRIMARY KEY,
    url text NOT NULL,
    enabled boolean NOT NULL,
    campaigns text[] NOT NULL,              -- empty: all
    version bigint NOT NULL
);

-- A secret follows from its salt and from a key that the database does not know.
CREATE TABLE webhook_secrets (
    webhook_id text NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    salt bytea NOT NULL,
    created_at timestamptz NOT NULL,
    ends_at timestamptz,                    -- null for the newest
    PRIMARY KEY (webhook_id, salt)
);

-- The outbox: what is to be sent, written with the decision that it is of.
CREATE TABLE deliveries (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id uuid NOT NULL UNIQUE,        -- the same at every attempt
    decision_id uuid,                       -- null for a test
    customer_key bigint,
    installation_key bigint,
    channel text NOT NULL CHECK (channel IN ('webhook', 'push')),
    endpoint text NOT NULL,                 -- the webhook's id, or the push service's name
    body jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'sent', 'expired', 'withdrawn', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,           -- of a message that is being sent: until when nobody else may
    lease uuid,                             -- who is sending it
    expires_at timestamptz NOT NULL,
    last_status integer,
    last_error text,
    created_at timestamptz NOT NULL,
    sent_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX deliveries_due ON deliveries (channel, endpoint, next_at) WHERE state = 'waiting';
CREATE INDEX deliveries_order ON deliveries (customer_key, channel, endpoint, number) WHERE state = 'waiting';
CREATE INDEX deliveries_expiry ON deliveries (expires_at) WHERE state = 'waiting';
CREATE INDEX deliveries_state ON deliveries (state, number);
CREATE INDEX deliveries_customer ON deliveries (customer_key);
CREATE INDEX deliveries_decision ON deliveries (decision_id);

-- How many attempts came to what, since the beginning: for meters, whichever worker it was.
CREATE TABLE delivery_counts (
    channel text NOT NULL,
    result text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (channel, result)
);
"""


def upgrade() -> None:
    op.execute(STATEMENTS)
