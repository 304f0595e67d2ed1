"""What was acknowledged and is then taken away or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.torture.violations.violation import Violation

if TYPE_CHECKING:
    import random

    from tests.torture.forge import Forge
    from tests.torture.records import Acknowledged

OTHER_STATUS = {"accepted": "late", "late": "accepted"}


def losses(acknowledged: Acknowledged, rng: random.Random) -> tuple[Violation, ...]:
    """What was acknowledged and is then taken away: a ping, an offer, and a ping kept as another than was said."""
    if not acknowledged.pings or not acknowledged.decisions:
        return ()
    installation, ping, status = rng.choice(
        sorted(ping for ping in acknowledged.pings if ping[2] in OTHER_STATUS)
    )
    decision, _ = rng.choice(sorted(acknowledged.decisions))
    coded, _ = rng.choice(sorted(acknowledged.codes)) if acknowledged.codes else (None, None)
    of_ping = "WHERE ping_id = %s AND installation_key = (SELECT key FROM installations WHERE id = %s)"
    other = OTHER_STATUS[status]

    def lose_a_ping(forge: Forge) -> None:
        forge.connection.execute(f"DELETE FROM pings {of_ping}".encode(), [ping, installation])

    def change_a_ping(forge: Forge) -> None:
        forge.connection.execute(
            f"UPDATE pings SET status = '{other}' {of_ping}".encode(), [ping, installation]
        )

    def keep_a_ping_twice(forge: Forge) -> None:
        forge.connection.execute("ALTER TABLE pings DROP CONSTRAINT pings_pkey")
        query = f"INSERT INTO pings SELECT * FROM pings {of_ping}"
        forge.connection.execute(query.encode(), [ping, installation])

    def give_another_code(forge: Forge) -> None:
        forge.connection.execute("UPDATE grants SET code = 'X-0001' WHERE decision_id = %s", [coded])

    def lose_an_offer(forge: Forge) -> None:
        for table in ("grants", "decisions"):
            query = f"DELETE FROM {table} WHERE decision_id = %s"
            forge.connection.execute(query.encode(), [decision])

    codes = (
        (Violation("an acknowledged code that is another", "code_lost", give_another_code),) if coded else ()
    )
    return (
        *codes,
        Violation("an acknowledged ping that is gone", "ping_lost", lose_a_ping),
        Violation("an acknowledged ping of another status", "ping_lost", change_a_ping),
        Violation("a ping kept twice", "ping_doubled", keep_a_ping_twice),
        Violation("an acknowledged offer that is gone", "decision_lost", lose_an_offer),
    )
