"""Backtests: what was asked, how far each is, and what came of it; and an index by which changes of a time are found."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE backtests (
    id uuid PRIMARY KEY,                    -- UUIDv7 of the time of the request
    status text NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    asked json NOT NULL,                    -- backtests.requests.Request
    requested_at timestamptz NOT NULL,
    actor text NOT NULL,
    begun_at timestamptz,
    ended_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,    -- the last of them alone may write
    share real NOT NULL DEFAULT 0,
    steps bigint NOT NULL DEFAULT 0,
    decisions bigint NOT NULL DEFAULT 0,
    told_at timestamptz,                    -- when progress was
    error text,
    report json,
    code_version text,
    CONSTRAINT backtests_done CHECK ((status = 'done') = (report IS NOT NULL))
);
CREATE INDEX backtests_due ON backtests (id) WHERE status IN ('queued', 'running');

CREATE TABLE backtest_examples (
    backtest_id uuid NOT NULL REFERENCES backtests ON DELETE CASCADE,
    number integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('gained', 'lost', 'changed')),
    campaign text,
    moment_key uuid NOT NULL,
    customer_key bigint NOT NULL,           -- who was decided for: with them it is erased
    body json NOT NULL,                     -- backtests.model.Example
    PRIMARY KEY (backtest_id, number)
);
CREATE INDEX backtest_examples_by ON backtest_examples (backtest_id, kind, campaign);
CREATE INDEX backtest_examples_of ON backtest_examples (customer_key);

-- They come in the order of time, so that a block of them is of a short one.
CREATE INDEX changes_now ON changes USING brin (now);
"""


def upgrade() -> None:
    op.execute(STATEMENTS)
