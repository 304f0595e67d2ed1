"""How Alembic runs our migrations: on a connection handed in by `beacon_service.migration`, forward only."""

from alembic import context
from sqlalchemy import text

# Any number will do; it must only be the same for all who migrate, so that they take turns.
MIGRATION_LOCK = 4_071_998

# A migration waits briefly for a table that is in use and then fails, rather than queue in front of all
# traffic; what it does itself may take a while.
TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '10min'"

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=False)
with context.begin_transaction():
    connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
    connection.execute(text(TIMEOUTS))
    context.run_migrations()
