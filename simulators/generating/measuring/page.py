"""Puts a table into a page, between two marks."""

from pathlib import Path

from simulators.recorded import WalksError

BEGIN, END = "<!-- radio-statistics -->", "<!-- /radio-statistics -->"


def put_between(page: Path, table: str) -> None:
    """The rest of the page stays as it is. Raises WalksError where there is no such page."""
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise WalksError(f"{page} cannot be read: {error.strerror}") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise WalksError(f"{page} should have the lines {BEGIN} and {END}; the table goes between them")
    page.write_text(f"{before}{BEGIN}\n{table}{END}{after}", encoding="utf-8", newline="\n")
