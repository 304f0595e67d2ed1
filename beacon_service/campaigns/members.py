"""A page of customers who are in something: in an audience, or on a list."""

from collections.abc import Sequence
from typing import Any

from beacon_service.web import PageQuery, page


def shown_members(found: Sequence[tuple[str, bool]], query: PageQuery) -> dict[str, Any]:
    """`found`: (id, whether anonymous) in the order of ids, one more than a page holds where there are more."""
    answer = page(found, query.limit, key=lambda customer: customer[0])
    return {**answer, "items": [{"id": id_, "anonymous": anonymous} for id_, anonymous in answer["items"]]}
