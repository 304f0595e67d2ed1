"""A site's surveys in the database, and the ground that they were walked on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import shapely

from beacon_service.positioning.surveys import Ground, KeptSurvey, floors_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from beacon_service.db import Connection
    from beacon_service.positioning.survey_files import Survey
    from beacon_service.positioning.surveys import Asked, PackedSurvey


def has_site(connection: Connection, site: str) -> bool:
    return connection.execute("SELECT FROM sites WHERE id = %s", [site]).fetchone() is not None


def ground(connection: Connection, site: str) -> Ground:
    """Where one can be: in a floor's zones, or where it has none, within its outline."""
    rows = connection.cursor(binary=True).execute(_GROUND, {"site": site}).fetchall()
    floors = {floor: shapely.from_wkb(shape) if shape else shapely.Polygon() for floor, shape in rows}
    found = connection.cursor(binary=True).execute(_OUTDOORS, {"site": site}).fetchone()
    return Ground(floors, shapely.from_wkb(found[0]) if found and found[0] else None)


_GROUND = """
SELECT f.id, ST_AsBinary(coalesce(
    (SELECT ST_Union(z.geometry) FROM zones AS z WHERE z.site_id = f.site_id AND z.floor_id = f.id), f.outline
))
FROM floors AS f WHERE f.site_id = %(site)s ORDER BY f.level, f.id COLLATE "C"
"""
_OUTDOORS = "SELECT ST_AsBinary(ST_Union(geometry)) FROM zones WHERE site_id = %(site)s AND floor_id IS NULL"


def number_in_turn(connection: Connection, site: str) -> None:
    """Surveys and maps are numbered one after the other: two requests at once must not draw the same number."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"surveys:{site}"])


def save_survey(connection: Connection, site: str, survey: Survey, packed: PackedSurvey, by: Asked) -> int:
    """Keep a survey under the site's next number."""
    number_in_turn(connection, site)
    row = connection.execute(
        _SAVE_SURVEY,
        {
            "site": site,
            "at": by.at,
            "actor": by.actor,
            "floors": list(floors_of(survey.walks)),
            "walks": len(survey.walks),
            "waypoints": sum(len(walk.waypoints) for walk in survey.walks),
            "sightings": sum(len(walk.sightings) for walk in survey.walks),
            "left_out": survey.left_out,
            "sha256": packed.sha256,
            "body": packed.body,
        },
    ).fetchone()
    assert row is not None
    return int(row[0])


_SAVE_SURVEY = """
INSERT INTO surveys
    (site_id, number, imported_at, actor, floors, walks, waypoints, sightings, left_out, sha256, body)
SELECT %(site)s, coalesce(max(number), 0) + 1, %(at)s, %(actor)s, %(floors)s::text[], %(walks)s, %(waypoints)s,
    %(sightings)s, %(left_out)s, %(sha256)s, %(body)b
FROM surveys WHERE site_id = %(site)s
RETURNING number
"""


def same_survey(connection: Connection, site: str, sha256: str) -> int | None:
    """The number under which these walks are kept already."""
    query = "SELECT number FROM surveys WHERE site_id = %s AND sha256 = %s AND withdrawn_at IS NULL"
    row = connection.execute(query, [site, sha256]).fetchone()
    return None if row is None else int(row[0])


def surveys(
    connection: Connection, site: str, *, before: int | None = None, limit: int | None = None
) -> list[KeptSurvey]:
    """Newest first, those that were withdrawn too."""
    params = {"site": site, "before": before, "limit": limit}
    return [KeptSurvey(*row) for row in connection.execute(_SURVEYS, params)]


_SURVEYS = """
SELECT number, imported_at, actor, withdrawn_at, floors, walks, waypoints, sightings, left_out
FROM surveys WHERE site_id = %(site)s AND (%(before)s::integer IS NULL OR number < %(before)s)
ORDER BY number DESC LIMIT %(limit)s
"""


def bodies(connection: Connection, site: str, numbers: Sequence[int]) -> dict[int, bytes]:
    """The packed walks of these surveys."""
    query = "SELECT number, body FROM surveys WHERE site_id = %s AND number = ANY(%s) ORDER BY number"
    return dict(connection.cursor(binary=True).execute(query, [site, list(numbers)]).fetchall())


def withdraw(connection: Connection, site: str, number: int, at: datetime) -> bool:
    """Whether it was there and is withdrawn now; withdrawn twice is withdrawn once."""
    query = (
        """UPDATE surveys SET withdrawn_at = coalesce(withdrawn_at, %s) WHERE site_id = %s AND number = %s"""
    )
    return connection.execute(query, [at, site, number]).rowcount == 1
