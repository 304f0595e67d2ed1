"""What tables hold whose rows were rewritten, and what the same rows take in a table that was just made."""

import psycopg
from psycopg import sql

from beacon_service.settings import libpq_url

# Only where rows are rewritten or go can a table hold more than it needs.
REWRITTEN = """
SELECT s.relname, pg_total_relation_size(s.relid), coalesce(array_to_string(c.reloptions, ', '), '')
FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid
WHERE s.schemaname = 'public' AND n_tup_upd + n_tup_del > 0 ORDER BY s.relname
"""


def sizes(url: str) -> list[tuple[str, int, int]]:
    """Tables whose rows were rewritten: bytes that they hold after VACUUM, and that the same rows take anew."""
    found = []
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("VACUUM")
        for name, held, options in connection.execute(REWRITTEN).fetchall():
            table = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE TABLE soak_copy (LIKE {} INCLUDING ALL)").format(table))
            if options:
                connection.execute(f"ALTER TABLE soak_copy SET ({options})".encode())
            copy = sql.SQL("INSERT INTO soak_copy OVERRIDING SYSTEM VALUE SELECT * FROM {}")
            connection.execute(copy.format(table))
            row = connection.execute("SELECT pg_total_relation_size('soak_copy')").fetchone()
            connection.execute("DROP TABLE soak_copy")
            assert row is not None, "a size is a row"
            found.append((name, held, row[0]))
    return found
