"""Answers too large for memory: written aside first, sent once they are whole.

The database is then not kept waiting by a slow reader, and what goes wrong half-way is a problem, not half an answer.
"""

from __future__ import annotations

from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from flask import Response

from beacon_service.web.etags import etag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Beyond this it is kept on disk.
MOST_IN_MEMORY = 4 * 1024 * 1024
CHUNK = 64 * 1024


def spooled(parts: Iterable[bytes], *, media_type: str, version: int) -> Response:
    """200 with these bytes. Nothing more is read from their source once this has returned."""
    with ExitStack() as unless_whole:
        file = unless_whole.enter_context(SpooledTemporaryFile(max_size=MOST_IN_MEMORY))
        file.writelines(parts)
        size = file.tell()
        file.seek(0)
        unless_whole.pop_all()  # from here on it is closed with the response
    response = Response(_chunks(file), mimetype=media_type)
    response.content_length = size
    response.headers["ETag"] = etag(version)
    response.call_on_close(file.close)  # of a HEAD nothing is read
    return response


def _chunks(file: SpooledTemporaryFile[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
