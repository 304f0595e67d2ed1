"""Reading a request's body: bounded before it is read, bounded again while it is decompressed, strict JSON.

A body is refused by its announced length without a byte of it being read; one that announces nothing is read
up to the bound. Decompression stops at the bound too: a small bomb costs no more than a large document.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Request, current_app

from beacon_service.errors import BadRequest, TooLarge, UnsupportedMedia
from beacon_service.web.strict_json import decode_strict

Purpose = Literal["document", "import"]
View = TypeVar("View", bound=Callable[..., Any])

# Where the application keeps {purpose: bytes}, made from its settings.
LIMITS = "BEACON_BODY_LIMITS"
_GZIP = 16 + zlib.MAX_WBITS
CSV = "text/csv"
_KINDS = {"application/json": "a JSON document", CSV: "a CSV file"}


def import_body(view: View) -> View:
    """Declare that a view takes a whole collection, and with it the larger bound."""
    view.body_purpose = "import"  # type: ignore[attr-defined]
    return view


def takes_csv(field: str, *, columns: tuple[str, ...] = ()) -> Callable[[View], View]:
    """Declare that a view takes a text/csv body too: the first column of its lines as the array `field`.

    A first line that is the field's name, or that in the singular, is a heading. With `columns` the first line must
    be one: it names some of them, and each line that follows becomes an object of those that it fills.
    """

    def declare(view: View) -> View:
        view.csv_field = field  # type: ignore[attr-defined]
        view.csv_columns = columns  # type: ignore[attr-defined]
        return view

    return declare


class StrictRequest(Request):
    """A request whose JSON is bounded and strict whoever asks for it, APIFlask included."""

    _document: Any = None
    _has_document = False

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: ARG002
        """The decoded body; the arguments are Flask's and none of them makes this laxer."""
        if not self._has_document:
            field = _csv_field(self)
            if field is not None:
                body = read_body(self, _purpose(self), mimetype=CSV)
                view = current_app.view_functions[self.endpoint or ""]
                columns: tuple[str, ...] = getattr(view, "csv_columns", ())
                rows = _csv_rows(body)
                told = _objects(rows, columns) if columns else _first_column(rows, heading=field)
                self._document = {field: told}
            else:
                self._document = decode_strict(read_body(self, _purpose(self)))
            self._has_document = True
        return self._document


def read_body(request: Request, purpose: Purpose, *, mimetype: str = "application/json") -> bytes:
    """The decompressed bytes of a body of that type. Raises TooLarge, UnsupportedMedia or BadRequest."""
    limit: int = current_app.config[LIMITS][purpose]
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    raw: bytes = request.stream.read(limit + 1)
    encoding = request.headers.get("Content-Encoding", "")
    if mimetype == CSV:
        return _plain(_bounded(raw, limit, CSV), encoding, limit)
    return json_bytes(raw, request.headers.get("Content-Type", ""), encoding, limit)


def json_bytes(raw: bytes, content_type: str, encoding: str, limit: int) -> bytes:
    """The JSON in a body, whose bytes were read up to one beyond the limit, so that it shows whether there is more.

    Its type is `application/json` or of its kin, such as `application/geo+json`.
    """
    bounded = _bounded(raw, limit, "application/json")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise UnsupportedMedia("Send the body as Content-Type: application/json.")
    return _plain(bounded, encoding, limit)


def _bounded(raw: bytes, limit: int, mimetype: str) -> bytes:
    if len(raw) > limit:
        raise too_large(limit)
    if not raw:
        raise BadRequest(f"Send {_KINDS[mimetype]} as the body.", code="body_missing")
    return raw


def _purpose(request: Request) -> Purpose:
    view = current_app.view_functions.get(request.endpoint or "")
    purpose: Purpose = getattr(view, "body_purpose", "document")
    return purpose


def _csv_field(request: Request) -> str | None:
    """What a CSV body of this request is to become; None where it is none, or none is taken here."""
    view = current_app.view_functions.get(request.endpoint or "")
    field: str | None = getattr(view, "csv_field", None)
    return field if request.mimetype == CSV else None


def _csv_rows(body: bytes) -> list[list[str]]:
    """Excel writes a byte order mark; it is none of the first value."""
    try:
        text = body.decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise BadRequest(
            "Send CSV in UTF-8, values with commas or quotes in quotes.", code="csv_invalid"
        ) from None


def _objects(rows: list[list[str]], columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Each line as what it says under its heading; an empty value says nothing."""
    named = [name.strip().lower() for name in rows[0]] if rows else []
    if not named or len(set(named)) < len(named) or not set(named) <= set(columns):
        raise BadRequest(
            f"Begin with a line that names the columns: {','.join(columns)}.", code="csv_invalid"
        )
    for number, row in enumerate(rows[1:], start=2):
        if len(row) > len(named):
            raise BadRequest(f"Line {number} has more values than the first has columns.", code="csv_invalid")
    return [
        {name: value.strip() for name, value in zip(named, row, strict=False) if value.strip()}
        for row in rows[1:]
        if any(value.strip() for value in row)
    ]


def _first_column(rows: list[list[str]], *, heading: str) -> list[str]:
    """The first value of each line that has one."""
    values = [row[0].strip() for row in rows if row and row[0].strip()]
    is_heading = bool(values) and values[0].lower() in {heading, heading.removesuffix("s")}
    return values[1:] if is_heading else values


def _plain(raw: bytes, encoding: str, limit: int) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in {"identity", ""}:
        return raw
    if encoding not in {"gzip", "x-gzip"}:
        raise UnsupportedMedia("The body may be sent plain or with Content-Encoding: gzip, nothing else.")
    stream = zlib.decompressobj(wbits=_GZIP)
    try:
        body = stream.decompress(raw, limit + 1)
    except zlib.error:
        raise BadRequest("The body is not gzip.", code="encoding_invalid") from None
    if len(body) > limit:
        raise too_large(limit)
    if not stream.eof or stream.unused_data:
        raise BadRequest(
            "The gzip stream ends too early or is followed by more.", code="encoding_invalid"
        ) from None
    return body


def too_large(limit: int) -> TooLarge:
    return TooLarge(f"A body may have at most {limit} bytes here, decompressed too. Send it in parts.")
