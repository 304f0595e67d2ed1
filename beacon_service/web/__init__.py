"""The web edge: how requests are read, how errors are told, what is logged. It knows no feature."""

from beacon_service.web.body import StrictRequest, import_body, takes_csv
from beacon_service.web.etags import check_preconditions, etag, not_modified, unchanged
from beacon_service.web.paging import PageQuery, decode_cursor, encode_cursor, page
from beacon_service.web.spooled import spooled
from beacon_service.web.strict_json import has_duplicate_keys

__all__ = [
    "PageQuery",
    "StrictRequest",
    "check_preconditions",
    "decode_cursor",
    "encode_cursor",
    "etag",
    "has_duplicate_keys",
    "import_body",
    "not_modified",
    "page",
    "spooled",
    "takes_csv",
    "unchanged",
]
